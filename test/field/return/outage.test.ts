// A control plane that was away for longer than an SVID lives: everybody is whole again within 10 s of its return, in the same processes.
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { keepLog, type ReturnWall, startReturnWall } from '../../support/return-wall.ts';

const lifetimeMs = 4000;
let wall: ReturnWall | undefined;
afterEach(() => wall?.stop());

it('an outage that outlives every SVID heals within 10 s of its end, twice, in the same processes', async () => {
  const { log, lines } = keepLog();
  wall = await startReturnWall({ lifetime: `${lifetimeMs / 1000}s` });
  const { call, serve, start } = wall;
  // Tokens that are spent, and over: what is left to a host is its node key.
  const [inbound = 0] = await freePorts(1);
  const api = await start('api', { inbound: `127.0.0.1:${inbound}`, log, tokenTtl: '5s' });
  const web = await start('web', { log, tokenTtl: '5s' });
  await eventually('web calls api', async () => (await call()) === 200 || undefined, 30_000);

  let healedMs = 0;
  for (let outage = 1; outage <= (qualifying ? 4 : 2); outage++) {
    await serve.restart(async () => {
      await eventually('calls fail: every SVID has ended', async () => (await call()) !== 200 || undefined, 30_000);
      const told = (): number => lines.filter((line) => line.startsWith('error the SVID has expired')).length;
      await eventually('both helpers say that calls fail', () => told() >= 2 * outage || undefined, 30_000);
    });
    const returned = performance.now();
    await eventually('calls go through again', async () => (await call()) === 200 || undefined, 15_000);
    healedMs = Math.max(healedMs, performance.now() - returned);
  }
  expect(healedMs).toBeLessThan(10_000);
  figure('healedAfterReturnMs', Math.round(healedMs));
  // The same processes.
  for (const { envoyPid } of [api, web]) process.kill(envoyPid, 0);
}, 180_000);
