// A port that another program has for a while: the listener that Envoy could not bind there is served once it is free, and no other
// connection is drained for it.
import { createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type ReturnWall, startReturnWall } from '../../support/return-wall.ts';

let wall: ReturnWall | undefined;
let holder: Server | undefined;
afterEach(async () => {
  holder?.close();
  await wall?.stop();
});

it('a caller whose port was taken when its Envoy started listens there soon after it is free', async () => {
  wall = await startReturnWall();
  const { call, serve, start, outbound } = wall;
  const [inbound = 0] = await freePorts(1);
  const taking = createServer((socket) => socket.destroy());
  holder = taking;
  await new Promise<void>((resolve) => taking.listen({ host: '127.0.0.1', port: outbound, exclusive: true }, resolve));
  await start('api', { inbound: `127.0.0.1:${inbound}` });
  await start('web');
  const nack = async (): Promise<string | undefined> =>
    (await serve.admin.proxies()).proxies.flatMap(({ types }) => types.flatMap(({ nack }) => nack?.message ?? []))[0];
  expect(await eventually('it cannot be bound', nack, 30_000)).toContain(String(outbound));
  await new Promise<void>((resolve) => taking.close(() => resolve()));
  const free = performance.now();
  await eventually('web calls api', async () => (await call()) === 200 || undefined, 60_000);
  figure('listensAfterPortFreeMs', Math.round(performance.now() - free));
  await eventually('nothing is rejected any more', async () => (await nack()) === undefined || undefined, 10_000);
}, 120_000);
