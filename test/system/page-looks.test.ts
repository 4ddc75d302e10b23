// How the page looks with two cells in which much is wrong, and where nothing is there yet: every state is accessible, fits, and has a
// picture that CI keeps.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildPage } from '../../scripts/build-page.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { openTab, overflow, picture, signIn, startBrowser, type Tab, violations } from '../support/browser.ts';
import { figure, qualifying } from '../support/figure.ts';
import { simulatedCells, simulatedDocuments } from '../support/simulated-cells.ts';

let browser: Browser;
let admin: AdminHarness;
let empty: AdminHarness;

beforeAll(async () => {
  await buildPage();
  browser = await startBrowser();
  [admin, empty] = await Promise.all([startAdmin(simulatedCells), startAdmin()]);
  const applied = await admin.call('/v1/apply', { body: { text: simulatedDocuments } });
  expect(applied).toMatchObject({ status: 200 });
});

afterAll(async () => {
  await browser?.close();
  await Promise.all([admin?.close(), empty?.close()]);
});

const looks = (
  [
    [1280, 'dark'],
    [390, 'light'],
    [1280, 'light'],
    [390, 'dark'],
  ] as const
).slice(0, qualifying ? 4 : 1);

const places = [
  ['map', '#/map', 'What is wrong'],
  ['services', '#/services', 'permissive'],
  ['service', '#/services/cell-2%2Fpostgres', 'application-down'],
  ['proxies', '#/proxies', 'does not answer'],
  ['certificates', '#/certificates', 'hold'],
  ['policies', '#/policies', 'AuthorizationPolicy'],
  ['explain', '#/explain?caller=cell-1/gitlab&target=cell-1/registry', 'Do its calls get through?'],
] as const;

const nothing = [
  ['map', '#/map', 'No services yet'],
  ['services', '#/services', 'No services yet'],
  ['service', '#/services/none', 'No service none'],
  ['proxies', '#/proxies', /No prox/],
  ['policies', '#/policies', 'New document'],
  ['certificates', '#/certificates', 'None were issued yet.'],
  ['audit', '#/audit', /recorded|record/],
  ['explain', '#/explain', 'Pick a caller'],
] as const;

async function look(tab: Tab, name: string, at: string, shows: string | RegExp): Promise<readonly unknown[]> {
  await tab.page.evaluate(`location.hash = ${JSON.stringify(at)}`);
  await tab.page.getByText(shows).first().waitFor();
  await picture(tab, name);
  return [...(await violations(tab)), await overflow(tab)];
}

it.each(looks)(
  'at %i pixels, %s',
  async (width, colorScheme) => {
    const found: Record<string, unknown> = {};
    for (const [kind, { address }, all] of [
      ['cells', admin, places],
      ['empty', empty, nothing],
    ] as const) {
      const options = { viewport: { width, height: 900 }, colorScheme };
      const tab = await openTab(browser, `http://127.0.0.1:${address.port}`, options);
      await signIn(tab, adminToken);
      for (const [name, at, shows] of all) {
        const id = `${kind}-${name}-${width}-${colorScheme}`;
        const [overflows, ...rest] = (await look(tab, id, at, shows)).toReversed();
        if (overflows !== 0 || rest.length > 0) found[id] = [overflows, ...rest];
      }
      expect(tab.faults).toEqual([]);
      await tab.close();
    }
    expect(found).toEqual({});
    figure('views', places.length + nothing.length);
  },
  120_000,
);
