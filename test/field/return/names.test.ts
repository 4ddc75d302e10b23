// One name, two proxies: a data folder that was copied with its key while the first one runs, and an `--instance` that is given twice. With
// real Envoys. The first keeps its name, its address and its calls; the second has a name of its own, or none; both are told.
import { cpSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import { CellwallError } from '../../../src/lib/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { keepLog, type ReturnWall, startReturnWall } from '../../support/return-wall.ts';

let wall: ReturnWall | undefined;
let other: Server | undefined;
afterEach(async () => {
  await wall?.stop();
  other?.close();
  other?.closeAllConnections();
});

/** In CI nobody waits for what only a dead host needs. */
const patience = qualifying ? {} : { nameWaitMs: 1500 };

const status = async ({ serve }: ReturnWall): Promise<string> =>
  formatStatus({
    ...{ status: await serve.admin.status(), services: [], traffic: [], now: Date.now() },
    proxies: (await serve.admin.proxies()).proxies,
  });

it('a copied folder gets an instance of its own, calls go to both, and no dead address stays after kill -9 of it', async () => {
  wall = await startReturnWall();
  const { serve, start, call, outbound } = wall;
  const [one = 0, two = 0, applicationPort = 0] = await freePorts(3);
  other = createServer((_request, response) => void response.end('the copy')).listen(applicationPort, '127.0.0.1');
  const first = await start('api', { inbound: `127.0.0.1:${one}` });
  await start('web');
  await eventually('web calls api', async () => (await call()) === 200 || undefined, 30_000);

  cpSync(join(serve.folder, 'api'), join(serve.folder, 'copy'), {
    recursive: true,
    filter: (path) => !/\.(sock|lock|pid)$|envoy-process/.test(path),
  });
  const { log, lines } = keepLog();
  const second = await start('api', {
    ...{ dir: 'copy', joins: false, inbound: `127.0.0.1:${two}`, log, ...patience },
    application: `127.0.0.1:${applicationPort}`,
  });
  expect(second.node).not.toBe(first.node);
  expect(second.node.endsWith(`~${readFileSync(join(serve.folder, 'copy', 'instance'), 'utf8').trim()}`)).toBe(true);
  expect(lines.find((line) => line.startsWith('error its name is taken'))).toContain(`127.0.0.1:${one}`);
  expect(lines.some((line) => line.startsWith('error its name stays taken'))).toBe(true);
  expect(await status(wall)).toMatch(
    /another proxy connected under this name .* was refused: is its data folder a copy\?/,
  );

  let failed = 0;
  const answers = new Set<boolean>();
  const both = async (): Promise<true | undefined> => {
    const { status: code, body } = await httpCall({ port: outbound });
    if (code !== 200) failed++;
    answers.add(body === 'the copy');
    return answers.size === 2 || undefined;
  };
  await eventually('both are called', both, 20_000);
  figure('failedCallsWhileOneMore', failed);
  expect(failed).toBe(0);
  const at = async (node: string) => (await serve.admin.proxies()).proxies.find((proxy) => proxy.node === node);
  expect((await at(first.node))?.inbound?.port).toBe(one);
  expect((await at(second.node))?.inbound?.port).toBe(two);

  process.kill(second.envoyPid, 'SIGKILL');
  await second.exited;
  const killed = performance.now();
  await eventually(
    'it is gone',
    async () => ['gone', undefined].includes((await at(second.node))?.state) || undefined,
    45_000,
  );
  figure('deadAddressGoneAfterMs', Math.round(performance.now() - killed));
  for (let calls = 0; calls < 50; calls++) expect(await call()).toBe(200);
}, 150_000);

it('an --instance that another host has is refused with a clear error; the first one itself comes back under it at once', async () => {
  wall = await startReturnWall();
  const { start, serve } = wall;
  const first = await start('web', { instance: 'one' });
  await eventually(
    'it is there',
    async () => ((await wall?.serve.admin.proxies())?.proxies.length ?? 0) > 0 || undefined,
  );
  cpSync(join(serve.folder, 'web'), join(serve.folder, 'copy'), {
    recursive: true,
    filter: (path) => !/\.(sock|lock|pid)$|envoy-process/.test(path),
  });
  const { log, lines } = keepLog();
  const began = performance.now();
  const wait = qualifying ? {} : { nameWaitMs: 1000 };
  const ended: number[] = [];
  const second = async (dir: string, more: object) => {
    const refused = await start('web', { dir, instance: 'one', log, ...wait, ...more }).catch(CellwallError.from);
    ended.push(performance.now() - began);
    return refused;
  };
  const [refused, copied] = await Promise.all([second('second', {}), second('copy', { joins: false })]);
  for (const [index, ms] of ended.entries()) figure(`instanceRefusedAfterMs ${index}`, Math.round(ms));
  // Long enough that a host which died has lost its name meanwhile, whatever it is.
  if (qualifying) for (const ms of ended) expect(ms).toBeGreaterThan(65_000);
  expect(Math.max(...ended)).toBeLessThan(80_000);
  expect(copied).toMatchObject({ code: 'already_exists', message: expect.stringContaining(first.node) });
  expect(refused).toMatchObject({ code: 'permission_denied', message: expect.stringContaining(first.node) });
  expect(refused).toMatchObject({ hint: expect.stringContaining('--instance') });
  expect(lines.some((line) => line.startsWith('error its name is taken'))).toBe(true);
  expect(await status(wall)).toContain('another proxy connected under this name');

  // The control: killed with its host, and started again.
  process.kill(first.envoyPid, 'SIGKILL');
  await first.exited;
  const started = performance.now();
  expect((await start('web', { instance: 'one', joins: false })).node).toBe(first.node);
  expect(performance.now() - started).toBeLessThan(10_000);
}, 150_000);
