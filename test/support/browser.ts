// A real browser (Debian's chromium, installed by test/system/install.sh) for tests of the page: what it does wrong is
// collected, not missed.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { projectRoot } from './source-files.ts';

export interface Tab {
  readonly page: Page;
  /** Errors of scripts, refusals of the content security policy, requests to anywhere but `origin`. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

/** Out of git; CI keeps it. */
const pictures = join(projectRoot, '.cache/page');

export async function startBrowser(): Promise<Browser> {
  const found = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path));
  if (found === undefined) throw new Error('no chromium: run test/system/install.sh');
  return chromium.launch({ executablePath: found, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
}

/** A tab of its own: it shares nothing with others. */
export async function openTab(browser: Browser, origin: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ baseURL: origin, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (reason) => faults.push(`error: ${reason.message}`));
  page.on('console', (message) => {
    // An answer that is an error is one of the API's.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`)) faults.push(`request: ${request.url()}`);
  });
  page.setDefaultTimeout(20_000);
  return { page, faults, close: () => context.close() };
}

/** Signs in as a person does. */
export async function signIn({ page }: Tab, token: string): Promise<void> {
  await page.goto('/');
  await page.getByLabel('Token of the admin API').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').waitFor();
}

/** What axe-core objects to: the rule, and where. */
export async function violations({ page }: Tab): Promise<readonly string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe.source);
  const found: unknown = await page.evaluate(`axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => id + ' ' + target.join(' ') + ' ' + failureSummary.split('\\n').slice(1, 2).join(' '))))`);
  return Array.isArray(found) ? found.map(String) : [String(found)];
}

/** Whether anything is wider than the window. */
export async function overflow({ page }: Tab): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

export async function picture({ page }: Tab, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}
