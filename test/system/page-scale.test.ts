// The page with a simulated mesh of 500 services, 5,000 proxies and 5,000 edges: how long a frame takes while it is dragged, zoomed,
// scrolled, sorted and filtered, and while news arrive.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPage } from '../../scripts/build-page.ts';
import type { TrafficCount } from '../../src/admin/wire.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { openTab, picture, signIn, startBrowser, type Tab, violations } from '../support/browser.ts';
import { figure, qualifying } from '../support/figure.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';

const [services, proxies, edges] = [500, 5000, 5000];
/** Of a frame. Where other tests run beside, only what is wrong by its kind is seen. */
const boundMs = qualifying ? 100 : 400;
const rounds = qualifying ? 30 : 10;

let admin: AdminHarness;
let browser: Browser;
let tab: Tab;

beforeAll(async () => {
  await buildPage();
  browser = await startBrowser();
  admin = await startAdmin({ proxies: () => fleet, traffic: () => calls });
  const names = Array.from({ length: services }, (_, at) => serviceText(`service-${at}`));
  const applied = await admin.call('/v1/apply', { body: { text: yaml(meshText('permissive'), ...names) } });
  expect(applied.status).toBe(200);
  tab = await openTab(browser, `http://127.0.0.1:${admin.address.port}`, { viewport: { width: 1280, height: 900 } });
  await signIn(tab, adminToken);
});

afterAll(async () => {
  await browser?.close();
  await admin?.close();
});

const now = Date.now();
const fleet = Array.from({ length: proxies }, (_, at): ProxyStatus => {
  const name = `service-${at % services}`;
  const spiffeId = parseSpiffeId(`spiffe://td1/service/${name}`);
  if (spiffeId === undefined) throw new Error(name);
  return {
    ...{
      node: `${spiffeId}~host-${at}`,
      spiffeId,
      service: name as ServiceKey,
      state: 'connected',
      since: now - at * 1000,
    },
    ...{ ready: true, types: [{ typeUrl: 'a.Listener', sentRevision: 1, ackedRevision: 1 }] },
    certificate: { serial: String(at), notAfter: now + (at % 60) * 60_000 },
  };
});
const calls = Array.from({ length: edges }, (_, at): TrafficCount => {
  const decision = at % 50 === 0 ? 'denied' : at % 31 === 0 ? 'failed' : 'allowed';
  const principal = `spiffe://td1/service/service-${(at * 7) % services}`;
  const service = `service-${(at * 13 + Math.floor(at / services) * 29 + 1) % services}`;
  return { ...{ service, caller: 'mtls', principal, decision, count: at, lastSeen: now } };
});

/** Begins to watch; the returned function tells the times between frames since. */
async function watch(): Promise<() => Promise<readonly number[]>> {
  await tab.page.evaluate(`{
    const times = [];
    let last = performance.now();
    const frame = (now) => { times.push(now - last); last = now; window.watched = requestAnimationFrame(frame); };
    cancelAnimationFrame(window.watched);
    window.frames = times;
    window.watched = requestAnimationFrame((now) => { last = now; frame(now); });
  }`);
  return async () => {
    await tab.page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
    const found: unknown = await tab.page.evaluate('window.frames');
    return Array.isArray(found) ? found.map(Number) : [];
  };
}

function judge(what: string, frames: readonly number[]): void {
  const sorted = frames.toSorted((a, b) => a - b);
  figure(`${what}WorstMs`, Math.round(sorted.at(-1) ?? -1));
  figure(`${what}MedianMs`, Math.round(sorted[Math.floor(sorted.length / 2)] ?? -1));
  expect(sorted.length).toBeGreaterThan(3);
  expect(sorted.at(-1)).toBeLessThan(boundMs);
}

describe(`${services} services, ${proxies} proxies, ${edges} edges`, () => {
  it('the map is dragged, zoomed and pointed at', async () => {
    const { page } = tab;
    await page.getByText(/^\d{4,} edges$/).waitFor();
    const drawn = page.locator('.map canvas[data-drawn]');
    await drawn.waitFor();
    await picture(tab, 'scale-map');
    const box = await page.locator('.map').boundingBox();
    if (box === null) throw new Error('no map');
    const frames = await watch();
    for (let at = 0; at < rounds; at++) await page.mouse.move(box.x + 40 + at * 20, box.y + 100 + at * 7);
    await page.mouse.down();
    for (let at = 0; at < rounds; at++) await page.mouse.move(box.x + 640 - at * 15, box.y + 300 - at * 5);
    await page.mouse.up();
    await page.keyboard.down('Control');
    for (let at = 0; at < rounds; at++) await page.mouse.wheel(0, at % 3 === 0 ? 120 : -120);
    await page.keyboard.up('Control');
    // It is drawn where it was left, and again with what is new.
    await drawn.waitFor();
    await page.waitForResponse('**/v1/map');
    await page.waitForResponse('**/v1/troubles');
    await drawn.waitFor();
    judge('map', await frames());
    await picture(tab, 'scale-map-moved');
  });

  it('the tables are scrolled, sorted and filtered', async () => {
    const { page } = tab;
    await page.getByRole('link', { name: 'Proxies', exact: true }).click();
    await page.getByText(`${proxies} of ${proxies}`).waitFor();
    expect(await page.getByRole('row').count()).toBeLessThan(100);
    expect(await violations(tab)).toEqual([]);
    await page.getByRole('region', { name: 'Proxies' }).hover();
    const frames = await watch();
    for (let at = 0; at < rounds; at++) await page.mouse.wheel(0, 900);
    for (const name of ['Service', 'Proxy', 'Certificate ends'])
      await page.getByRole('button', { name, exact: true }).click();
    await page.getByLabel(/^Filter by/).pressSequentially('service-42 host');
    await page.getByText(/^\d+ of 5000$/).waitFor();
    judge('table', await frames());
    expect(tab.faults).toEqual([]);
  });
});
