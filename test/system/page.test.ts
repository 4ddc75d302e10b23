// The page in a real browser, with a control plane and two real Envoys: every view with live data, what axe-core says of it, an edit from
// the page to enforcement and back, who may not edit, names that attack, and what is shown when something is away.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPage } from '../../scripts/build-page.ts';
import { openTab, overflow, picture, signIn, startBrowser, type Tab, violations } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { type HomeWall, startHomeWall } from '../support/home-wall.ts';

const attack = `<img src=x onerror="window.hacked=1">'"&amp;\u202e</script>`;

let wall: HomeWall;
let browser: Browser;
let origin: string;
const tokens = new Map<string, string>();

beforeAll(async () => {
  await buildPage();
  browser = await startBrowser();
  wall = await startHomeWall({ secrets: 'local' });
  origin = `http://127.0.0.1:${wall.plane.adminPort}`;
  for (const role of ['viewer', 'editor', 'admin'] as const) {
    const { token } = await wall.plane.admin.createNamedToken({
      name: `a-${role}`,
      role,
      ttl: '1h',
      rawResources: false,
    });
    tokens.set(role, token);
  }
});

afterAll(async () => {
  await browser?.close();
  await wall?.stop();
});

async function enter(role: string, options: Parameters<typeof openTab>[2] = {}): Promise<Tab> {
  const tab = await openTab(browser, origin, options);
  await signIn(tab, tokens.get(role) ?? '');
  return tab;
}

/** Through the link, as the page itself goes there. */
async function go({ page }: Tab, place: string, shows: string | RegExp): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(place)}`);
  await page.getByText(shows).first().waitFor();
}

/** With a text that only its data can bring. */
async function places(): Promise<readonly (readonly [string, string, string | RegExp])[]> {
  const { proxies } = await wall.plane.admin.proxies();
  const node = proxies.find(({ service }) => service === 'api')?.node ?? '';
  return [
    ['map', '#/map', 'Who calls whom'],
    ['services', '#/services', 'strict'],
    ['service', '#/services/api', 'Proxies and applications'],
    ['proxies', '#/proxies', 'answers'],
    ['proxy', `#/proxies/${encodeURIComponent(node)}`, 'What it was sent'],
    ['policies', '#/policies', 'AuthorizationPolicy'],
    ['document', `#/policies/${encodeURIComponent('AuthorizationPolicy/api')}`, 'Nothing is changed.'],
    ['certificates', '#/certificates', 'SVID, for a key of its holder'],
    ['audit', '#/audit', 'unbroken'],
    ['explain', '#/explain?caller=web&target=api&method=GET&path=%2F', 'The rules, in their order'],
  ];
}

const looks = (
  [
    [1280, 'light'],
    [390, 'dark'],
    [1280, 'dark'],
    [390, 'light'],
  ] as const
).slice(0, qualifying ? 4 : 2);

describe.each(looks)('at %i pixels, %s', (width, colorScheme) => {
  it('every view shows live data, fits, and is accessible', async () => {
    const tab = await openTab(browser, origin, { viewport: { width, height: 900 }, colorScheme });
    await tab.page.goto('/');
    await tab.page.getByLabel('Token of the admin API').waitFor();
    const found: Record<string, unknown> = { 'sign-in': [...(await violations(tab)), await overflow(tab)] };
    await picture(tab, `sign-in-${width}-${colorScheme}`);
    await signIn(tab, tokens.get('editor') ?? '');
    const all = await places();
    for (const [name, place, shows] of all) {
      await go(tab, place, shows);
      found[name] = [...(await violations(tab)), await overflow(tab)];
      await picture(tab, `${name}-${width}-${colorScheme}`);
    }
    expect(found).toEqual(Object.fromEntries(['sign-in', ...all.map(([name]) => name)].map((name) => [name, [0]])));
    expect(tab.faults).toEqual([]);
    figure('views', all.length + 1);
    await tab.close();
  }, 120_000);
});

describe('what is live', () => {
  it('the map and the service show the calls that pass', async () => {
    const tab = await enter('viewer');
    const row = tab.page.getByRole('row').filter({ hasText: 'web' }).filter({ hasText: 'api' });
    await row.getByText('allowed').waitFor();
    const count = async (): Promise<number> =>
      Number(((await row.getByRole('cell').nth(3).textContent()) ?? '').replaceAll(/\D/g, ''));
    const before = await count();
    await eventually('more calls', async () => (await count()) > before || undefined, 20_000);
    await tab.close();
  });

  it('an edit goes from the page to every proxy, is enforced, is seen within 10 s, and is undone', async () => {
    const tab = await enter('editor');
    const { page } = tab;
    await go(tab, `#/policies/${encodeURIComponent('AuthorizationPolicy/api')}`, 'Nothing is changed.');
    const text = page.getByRole('textbox', { name: 'Text of AuthorizationPolicy/api' });
    const good = await text.inputValue();
    await text.fill(good.replace('action: allow', 'action: allaw'));
    await page.getByRole('button', { name: /^line \d+$/ }).waitFor();
    await expect(page.getByRole('button', { name: 'Apply' }).isDisabled()).resolves.toBe(true);
    await picture(tab, 'problem');
    await text.fill(good.replace('service: web', 'service: api'));
    await page.getByText('What would change').waitFor();
    await page.getByLabel('Caller').fill('web');
    await page.getByLabel('Service', { exact: true }).fill('api');
    await page.getByRole('button', { name: 'Add test' }).click();
    await page.getByText('1 of 1 fail').waitFor();
    await page.getByText(/now allowed, then denied/).waitFor();
    expect(await violations(tab)).toEqual([]);
    await picture(tab, 'tests');
    await page.getByLabel('Reason, for history and audit').fill(attack);
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText(/all 2 connected proxies accepted it/).waitFor();
    await picture(tab, 'applied');
    const began = performance.now();
    await eventually('a refusal', async () => (await wall.call()) === 403 || undefined);
    await page.getByRole('link', { name: 'Map' }).click();
    await page.getByRole('row').filter({ hasText: 'web' }).getByText('refused').waitFor();
    figure('refusedShownMs', Math.round(performance.now() - began));
    expect(performance.now() - began).toBeLessThan(10_000);
    await picture(tab, 'refused');

    await page.getByRole('link', { name: 'Policies' }).click();
    const { revision } = await wall.plane.admin.history();
    await page.getByRole('button', { name: `Undo revision ${revision}`, exact: true }).click();
    await page
      .getByRole('button', { name: `Go back to revision ${revision - 1}`, exact: true })
      .and(page.locator('.primary'))
      .click();
    await page.getByText(/all 2 connected proxies accepted it/).waitFor();
    await eventually('calls pass again', async () => (await wall.call()) === 200 || undefined);
    // The reason that attacks stays text, in the history and in the audit log.
    await page.getByText(attack).first().waitFor();
    await go(tab, '#/audit', 'rolled-back');
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(tab.faults).toEqual([]);
    await tab.close();
  }, 120_000);
});

describe('calls that fail', () => {
  it('are shown with their cause and what to do within 10 s, on the map and with the service, until they pass again', async () => {
    const tab = await enter('viewer', { viewport: { width: 1280, height: 900 } });
    const { page } = tab;
    await page.getByText('Who calls whom').first().waitFor();
    await wall.sidecar('api').stop();
    const began = performance.now();
    const trouble = page.getByRole('region', { name: /^What is wrong \d+ edge/ });
    await trouble.getByText('proxy-gone').first().waitFor();
    figure('causeShownMs', Math.round(performance.now() - began));
    expect(performance.now() - began).toBeLessThan(10_000);
    await trouble.getByText('What to do:').first().waitFor();
    await page
      .getByRole('row')
      .filter({ hasText: 'web' })
      .getByText(/^(failing|refused)$/)
      .waitFor();
    expect(await violations(tab)).toEqual([]);
    await picture(tab, 'cause-map');
    await go(tab, '#/services/api', 'What is wrong');
    await trouble.getByText('proxy-gone').first().waitFor();
    await picture(tab, 'cause-service');
    await go(tab, '#/explain?caller=web&target=api', 'Do its calls get through?');
    await page.getByText('proxy-gone').first().waitFor();
    expect(await violations(tab)).toEqual([]);
    await picture(tab, 'cause-explain');
    await wall.start('api');
    await eventually('calls pass again', async () => (await wall.call()) === 200 || undefined, 30_000);
    await go(tab, '#/map', 'Who calls whom');
    await eventually(
      'nothing is broken',
      async () => (await page.getByText('proxy-gone').count()) === 0 || undefined,
      20_000,
    );
    expect(tab.faults).toEqual([]);
    await tab.close();
  }, 120_000);
});

describe('whoever may not', () => {
  it('a viewer sees what a change would do, and cannot make it, not even by hand', async () => {
    const tab = await enter('viewer');
    const { page } = tab;
    await go(tab, `#/policies/${encodeURIComponent('AuthorizationPolicy/api')}`, 'needs the role editor');
    await page.getByRole('textbox', { name: /Text of/ }).fill('kind: nothing');
    await page.getByText('error', { exact: true }).first().waitFor();
    expect(await page.getByRole('button', { name: /Apply|Delete/ }).count()).toBe(0);
    const status = await page.evaluate(`fetch('/v1/apply', { method: 'POST',
      headers: { 'content-type': 'application/json', 'x-cellwall-session': sessionStorage.getItem('cellwall-session') },
      body: JSON.stringify({ changes: [{ op: 'delete', key: 'AuthorizationPolicy/api' }] }) }).then(({ status }) => status)`);
    expect(status).toBe(403);
    await tab.close();
  });

  it('a wrong token is refused in words, and a revoked one ends what it opened', async () => {
    const wrong = await openTab(browser, origin);
    await wrong.page.goto('/');
    await wrong.page.getByLabel('Token of the admin API').fill('wrong');
    await wrong.page.keyboard.press('Enter');
    await wrong.page.getByText('does not accept this token').waitFor();
    expect(await violations(wrong)).toEqual([]);
    await picture(wrong, 'refused-token');
    await wrong.close();
    const { token } = await wall.plane.admin.createNamedToken({
      name: 'short',
      role: 'viewer',
      ttl: '1h',
      rawResources: false,
    });
    const tab = await openTab(browser, origin);
    await signIn(tab, token);
    await wall.plane.admin.revokeNamedToken('short');
    await tab.page.getByText('The session has ended').waitFor();
    await tab.close();
  });
});

describe('what is typed and not applied', () => {
  it('is there again after another view, after the session has ended, and for nobody else', async () => {
    const make = async (name: string): Promise<string> =>
      (await wall.plane.admin.createNamedToken({ name, role: 'editor', ttl: '1h', rawResources: false })).token;
    const tab = await openTab(browser, origin);
    const { page } = tab;
    await signIn(tab, await make('typist'));
    const place = `#/policies/${encodeURIComponent('AuthorizationPolicy/api')}`;
    const text = page.getByRole('textbox', { name: 'Text of AuthorizationPolicy/api' });
    const again = page.getByText('what you had typed here before');
    await go(tab, place, 'Nothing is changed.');
    const good = await text.inputValue();
    const typed = good.replace('service: web', 'service: api');
    await text.fill(typed);
    await go(tab, '#/map', 'Who calls whom');
    await go(tab, place, 'What would change');
    await again.waitFor();
    expect(await text.inputValue()).toBe(typed);
    expect(await violations(tab)).toEqual([]);
    await picture(tab, 'typed-before');
    // Where something is read all the time, the end of the session is seen at once.
    await go(tab, '#/map', 'Who calls whom');
    await wall.plane.admin.revokeNamedToken('typist');
    await page.getByText('The session has ended').waitFor();
    await signIn(tab, tokens.get('viewer') ?? '');
    await go(tab, place, 'needs the role editor');
    expect(await text.inputValue()).toBe(good);
    // A viewer who types nothing leaves it there.
    await page.evaluate(`sessionStorage.removeItem('cellwall-session')`);
    await signIn(tab, await make('typist'));
    await go(tab, place, 'What would change');
    expect(await text.inputValue()).toBe(typed);
    await go(tab, '#/map', 'Who calls whom');
    const deleted = JSON.stringify({ code: 'not_found', message: 'no document' });
    await page.route('**/v1/documents/AuthorizationPolicy/api', (route) =>
      route.fulfill({ status: 404, body: deleted, contentType: 'application/json' }),
    );
    await go(tab, place, 'was deleted meanwhile');
    expect(await page.getByRole('textbox', { name: /Text of/ }).inputValue()).toBe(typed);
    expect(await violations(tab)).toEqual([]);
    await page.unrouteAll();
    await go(tab, '#/map', 'Who calls whom');
    await go(tab, place, 'What would change');
    await page.getByRole('button', { name: 'Discard' }).click();
    expect(await text.inputValue()).toBe(good);
    await go(tab, '#/map', 'Who calls whom');
    await go(tab, place, 'Nothing is changed.');
    await text.fill(typed);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(tab, tokens.get('editor') ?? '');
    expect(await page.evaluate(`sessionStorage.getItem('cellwall-drafts')`)).toBeNull();
    await wall.plane.admin.revokeNamedToken('typist');
    expect(tab.faults).toEqual([]);
    await tab.close();
  }, 60_000);
});

describe('what attacks', () => {
  it('a service, caller, port or proxy with a hostile name stays text', async () => {
    const tab = await openTab(browser, origin);
    await tab.page.route('**/v1/map', async (route) => {
      const answer = (await (await route.fetch()).text()).replaceAll('"web"', JSON.stringify(attack));
      await route.fulfill({ body: answer, contentType: 'application/json' });
    });
    await tab.page.route('**/v1/proxies', async (route) => {
      const answer = (await (await route.fetch()).text()).replaceAll('~', `~${JSON.stringify(attack).slice(1, -1)}`);
      await route.fulfill({ body: answer, contentType: 'application/json' });
    });
    await signIn(tab, tokens.get('viewer') ?? '');
    await tab.page.locator('td').filter({ hasText: attack }).first().waitFor();
    await picture(tab, 'attack');
    for (const place of ['#/services', '#/proxies']) await go(tab, place, attack);
    for (const view of ['services', 'proxies', 'policies', 'audit'])
      await go(tab, `#/${view}/${encodeURIComponent(attack)}`, /./);
    expect(await tab.page.evaluate('window.hacked')).toBeUndefined();
    expect(await tab.page.locator('img[src="x"]').count()).toBe(0);
    expect(tab.faults).toEqual([]);
    await tab.close();
  });
});

describe('without a mouse', () => {
  it('the keyboard reaches the views and their content, and the focus follows', async () => {
    const tab = await enter('viewer');
    const { page } = tab;
    await page.reload();
    await page.getByText('Who calls whom').first().waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent.trim()')).toBe('Skip to the view');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.tagName')).toBe('MAIN');
    await page.getByRole('link', { name: 'Proxies', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Proxies' }).waitFor();
    expect(await page.evaluate('document.activeElement.tagName')).toBe('MAIN');
    await page.getByRole('button', { name: 'Service', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page
      .getByRole('columnheader', { name: /Service/ })
      .and(page.locator('[aria-sort="ascending"]'))
      .waitFor();
    await tab.close();
  });
});

describe('when something is away', () => {
  it('the page says that the control plane does not answer, keeps what it showed, and goes on by itself', async () => {
    const tab = await enter('editor');
    await tab.page.getByRole('row').filter({ hasText: 'web' }).first().waitFor();
    await wall.plane.restart(async () => {
      await tab.page.getByText('no connection').waitFor();
      await tab.page.getByText(/This is not the latest/).waitFor();
      expect(await tab.page.getByRole('row').filter({ hasText: 'web' }).count()).toBeGreaterThan(0);
      expect(await violations(tab)).toEqual([]);
      await picture(tab, 'away');
    });
    // Sessions are kept in memory: one signs in again.
    await tab.page.getByText('The session has ended').waitFor();
    await tab.close();
  }, 60_000);
});
