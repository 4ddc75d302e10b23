// Clocks that are 90 s apart, both ways: a rotation costs nobody a call, and whose clock it is stands in `status` and in the helper's log.
// What clocks of sidecars are off against one another, and the control, are in peer-clocks.test.ts.
import { afterEach, expect, it } from 'vitest';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { keepLog, type ReturnWall, startReturnWall } from '../../support/return-wall.ts';

let wall: ReturnWall | undefined;
afterEach(() => wall?.stop());

it.each([
  ['behind', 90_000],
  ['ahead of', -90_000],
])(
  'hosts that are 90 s %s the control plane lose no call when every certificate is renewed',
  async (side, skew) => {
    // The Envoys' time is the system's: the control plane's is what is off.
    const clock: Clock = { ...systemClock, now: () => Date.now() + skew };
    const { log, lines } = keepLog();
    wall = await startReturnWall({ clock });
    const { call, serve, start } = wall;
    const [inbound = 0] = await freePorts(1);
    await start('api', { inbound: `127.0.0.1:${inbound}`, log, countersEveryMs: 500 });
    await start('web', { log, countersEveryMs: 500 });
    await eventually('web calls api', async () => (await call()) === 200 || undefined, 30_000);

    const serials = async (): Promise<readonly string[]> =>
      (await serve.admin.proxies()).proxies.map(({ certificate }) => certificate?.serial ?? '');
    let calls = 0;
    let failed = 0;
    let going = true;
    const load = (async () => {
      for (; going; calls++) if ((await call()) !== 200) failed++;
    })();
    for (let rotation = 0; rotation < 3; rotation++) {
      const before = await serials();
      expect((await serve.admin.rotate()).rotated).toBe(2);
      const isNew = async () => (await serials()).every((serial) => !before.includes(serial)) || undefined;
      await eventually('new certificates are shown', isNew, 20_000);
      const enough = calls + 100;
      await eventually('calls on it', () => calls >= enough || undefined, 20_000);
    }
    going = false;
    await load;
    figure(`failedCalls ${side}`, failed);
    expect(failed).toBe(0);
    expect(
      lines.some((line) => line.startsWith('warn the clock of this host is not') && /"offsetSeconds":-?90/.test(line)),
    ).toBe(true);
    const status = async (): Promise<string> =>
      formatStatus({
        ...{ status: await serve.admin.status(), services: [], traffic: [], now: clock.now() },
        proxies: (await serve.admin.proxies()).proxies,
      });
    const told = new RegExp(`clock of its host is (8|9)\\d s ${side} the control plane's`);
    await eventually('status says whose clock it is', async () => told.test(await status()) || undefined, 20_000);

    // What a host 90 s behind makes of it: good by ten minutes, where 30 s would have been too few.
    const { certificates } = await serve.admin.certificates();
    const newest = Math.max(
      ...certificates.filter(({ purpose }) => purpose === 'svid-fetched').map(({ notBefore }) => notBefore),
    );
    const leadMs = clock.now() - newest;
    expect(leadMs).toBeGreaterThan(600_000 - 1000);
    expect(leadMs).toBeLessThan(660_000);
  },
  90_000,
);

it('hosts that fall 20 minutes behind lose no call when every certificate is renewed, once that is known', async () => {
  // As if the hosts' clocks were set back, while they are connected: a control plane that they cannot believe they do not join.
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + aheadMs };
  wall = await startReturnWall({ clock });
  const { call, serve, start } = wall;
  const [inbound = 0] = await freePorts(1);
  await start('api', { inbound: `127.0.0.1:${inbound}`, countersEveryMs: 500 });
  await start('web', { countersEveryMs: 500 });
  await eventually('web calls api', async () => (await call()) === 200 || undefined, 30_000);
  aheadMs = 1_200_000;
  await eventually(
    'it is known',
    async () => {
      const { proxies } = await serve.admin.proxies();
      return proxies.every(({ clockOffsetMs = 0 }) => clockOffsetMs < -1_190_000) || undefined;
    },
    20_000,
  );
  const text = formatStatus({
    ...{ status: await serve.admin.status(), services: [], traffic: [], now: clock.now() },
    proxies: (await serve.admin.proxies()).proxies,
  });
  expect(text).toContain(
    'certificates begin earlier for it, each from its next renewal on (now: cellwall certs rotate)',
  );

  let [calls, failed, going] = [0, 0, true];
  const load = (async () => {
    for (; going; calls++) if ((await call()) !== 200) failed++;
  })();
  const first = (await serve.admin.certificates()).certificates.length;
  expect((await serve.admin.rotate()).rotated).toBe(2);
  const more = async () => (await serve.admin.certificates()).certificates.length >= first + 2 || undefined;
  await eventually('new certificates', more, 20_000);
  const { certificates } = await serve.admin.certificates();
  const newest = Math.max(
    ...certificates.filter(({ purpose }) => purpose === 'svid-fetched').map(({ notBefore }) => notBefore),
  );
  expect(newest).toBeLessThan(Date.now());
  // Connections end with the age that they have; these are new ones.
  await serve.apply(wall.documents.replace('protocol: http1}', 'protocol: http1, timeouts: {idle: 50m}}'));
  const enough = calls + 200;
  await eventually('calls on it', () => calls >= enough || undefined, 30_000);
  going = false;
  await load;
  figure('failedCalls 20 minutes behind', failed);
  expect(failed).toBe(0);
}, 90_000);
