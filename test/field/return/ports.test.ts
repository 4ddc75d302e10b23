// A port that another program has for a while: `status` and the helper's log say which one, who has it and what to do; the listener that
// Envoy could not bind there is served once it is free, and no other connection is drained for it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { attention } from '../../../src/cli/output/format-attention.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { keepLog, type ReturnWall, startReturnWall } from '../../support/return-wall.ts';

let wall: ReturnWall | undefined;
let holder: ChildProcess | undefined;
afterEach(async () => {
  holder?.kill('SIGKILL');
  await wall?.stop();
});

// The last one takes both, and Envoy tries 127.0.0.1 first.
it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '[::1]'],
  ['::', '127.0.0.1'],
])(
  'a caller whose port was taken on %s when its Envoy started listens there soon after it is free',
  async (taken, at) => {
    wall = await startReturnWall();
    const { call, serve, start, outbound } = wall;
    const [inbound = 0] = await freePorts(1);
    const program = `require('net').createServer((s) => s.destroy()).listen(${outbound}, '${taken}', () => console.log('there'))`;
    const taking = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    holder = taking;
    await once(taking.stdout, 'data');
    await start('api', { inbound: `127.0.0.1:${inbound}` });
    const { log, lines } = keepLog();
    await start('web', { log });
    const nack = async (): Promise<string | undefined> =>
      (await serve.admin.proxies()).proxies.flatMap(({ types }) => types.flatMap(({ nack }) => nack?.message ?? []))[0];
    expect(await eventually('it cannot be bound', nack, 30_000)).toContain(String(outbound));
    const told = async (): Promise<string | undefined> =>
      (await serve.admin.proxies()).proxies.flatMap((proxy) => attention(proxy, Date.now()))[0];
    const [where, by] = (await eventually('status says who has it', told, 30_000)).split(' (');
    expect(where).toBe(`it cannot listen on ${at}:${outbound}, which is held by pid ${taking.pid}`);
    expect(by).toMatch(/^.+\): stop that, or change dependsOn\.listen$/);
    const said = lines.find((line) => line.startsWith('error Envoy cannot listen'));
    expect(said).toContain(`${at}:${outbound}`);
    expect(said).toContain(`pid ${taking.pid} (`);
    taking.kill('SIGKILL');
    await once(taking, 'exit');
    const free = performance.now();
    await eventually('web calls api', async () => (await call()) === 200 || undefined, 60_000);
    figure('listensAfterPortFreeMs', Math.round(performance.now() - free));
    await eventually('nothing is rejected any more', async () => (await nack()) === undefined || undefined, 10_000);
  },
  120_000,
);
