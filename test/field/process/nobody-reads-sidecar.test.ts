// Nobody reads what a sidecar and its Envoy say, on stdout or stderr: a pipe that is full, a socket that nobody reads, a pipe whose reader
// is gone, while Envoy says several lines for every call and an access log prints eight KiB. Calls go on, identities are renewed, what was
// dropped is told, and it ends in time. The control: an Envoy that writes to such a pipe itself stands still.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { findEnvoy } from '../../../src/sidecar/envoy/envoy-binary.ts';
import { findLeftoverEnvoy } from '../../../src/sidecar/envoy/envoy-record.ts';
import { createSvidFiles } from '../../../src/sidecar/svid/svid-files.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { type ReturnWall, startReturnWall } from '../../support/return-wall.ts';
import { createUnreadPipe, type UnreadPipe } from '../../support/unread-pipe.ts';

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));
const calls = qualifying ? 1000 : 150;
const drainSeconds = 1;

let wall: ReturnWall;
let [inbound, prints] = [0, 0];
let folder: string;
let pipe: UnreadPipe;
let child: ChildProcess | undefined;
let data: string;

/** A listener of the user's own, beside `api`: it prints eight KiB for each call, to the file's name as documents have it. */
const type = 'type.googleapis.com/envoy';
const printing = (port: number): string => `kind: EnvoyResource
metadata: {name: prints}
spec:
  selector: {services: [api]}
  resource:
    "@type": ${type}.config.listener.v3.Listener
    name: prints
    traffic_direction: OUTBOUND
    enable_reuse_port: false
    address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
    filter_chains:
      - filters:
          - name: http
            typed_config:
              "@type": ${type}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
              stat_prefix: prints
              access_log:
                - name: prints
                  typed_config:
                    "@type": ${type}.extensions.access_loggers.file.v3.FileAccessLog
                    path: /dev/stdout
                    log_format: {text_format_source: {inline_string: "printed ${'x'.repeat(8192)}\\n"}}
              route_config: {name: prints, virtual_hosts: [{name: all, domains: ['*'], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]}
              http_filters: [{name: router, typed_config: {"@type": ${type}.extensions.filters.http.router.v3.Router}}]`;

beforeAll(async () => {
  [inbound = 0, prints = 0] = await freePorts(2);
  wall = await startReturnWall({ lifetime: '4s', more: [printing(prints)] });
  await wall.start('web');
}, 90_000);
afterAll(() => wall.stop());

/** An Envoy that says much; `more` is for its shell. */
async function talkative(more = ''): Promise<string> {
  const binary = await findEnvoy({ env: process.env, log: silentLog });
  const path = join(folder, 'envoy.sh');
  writeFileSync(
    path,
    `#!/bin/sh\n[ "$1" != --version ] || exec '${binary}' --version\nexec '${binary}' "$@" --component-log-level ` +
      `http:debug,connection:debug,router:debug ${more}\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

async function sidecar(output: number | 'pipe', envoy: string, as = 'api'): Promise<void> {
  const { token } = await wall.serve.admin.createToken({ service: 'api' });
  data = join(wall.serve.folder, `${as}-${Date.now()}`);
  child = spawn(
    process.execPath,
    [
      ...[bin, 'sidecar', '--service', 'api', '--app', String(wall.application.port), '--data', data],
      ...['--listen', `127.0.0.1:${inbound}`, '--drain-seconds', String(drainSeconds)],
      ...['--identity-address', `127.0.0.1:${wall.serve.identityPort}`],
      ...['--xds-address', `127.0.0.1:${wall.serve.xdsPort}`, '--envoy-bin', envoy],
    ],
    { stdio: ['ignore', output, output], env: { ...process.env, CELLWALL_TOKEN: token } },
  );
}

const renewals = (): string | undefined => createSvidFiles(join(data, 'svid')).read()?.notAfter.toISOString();

async function failedOf(count: number): Promise<number> {
  let failed = 0;
  for (let sent = 0; sent < count; sent += 1) {
    if ((await wall.call()) !== 200) failed += 1;
    if ((await httpCall({ port: prints })).status !== 200) failed += 1;
  }
  return failed;
}

async function end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly ms: number }> {
  if (child === undefined || child.exitCode !== null) throw new Error('it ended by itself');
  const ended = new Promise<number | null>((resolve) => child?.once('exit', resolve));
  const before = performance.now();
  child.kill(signal);
  return { code: await ended, ms: performance.now() - before };
}

const setUp = (): void => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-unread-'));
  pipe = createUnreadPipe(folder);
};

afterEach(async () => {
  const left = findLeftoverEnvoy(data);
  if (child?.exitCode === null && child.signalCode === null) await end('SIGKILL');
  if (left?.running() === true) process.kill(left.pid, 'SIGKILL');
  pipe.close();
  rmSync(folder, { recursive: true, force: true });
});

const outputs = ['a pipe that is full', 'a socket that nobody reads', 'a pipe whose reader is gone'] as const;

it.each(outputs)('%s', { timeout: 120_000 }, async (output) => {
  setUp();
  if (output === 'a pipe that is full') pipe.fill();
  if (output === 'a pipe whose reader is gone') pipe.leave();
  await sidecar(output === 'a socket that nobody reads' ? 'pipe' : pipe.fd, await talkative());
  await eventually('calls pass', async () => (await wall.call()) === 200 || undefined, 60_000);

  const seen = new Set<string>();
  let failed = 0;
  await eventually(
    'three certificates one after another',
    async () => {
      failed += await failedOf(20);
      const one = renewals();
      if (one !== undefined) seen.add(one);
      return seen.size >= 3 || undefined;
    },
    30_000,
  );
  failed += await failedOf(calls);
  figure(`failedCalls, ${output}`, failed);
  expect(failed).toBe(0);

  if (output === 'a pipe that is full') {
    // What waited is there, too: the helper's own words, Envoy's, and the access log's.
    let text = '';
    for (const wanted of [/"msg":"Envoy started"/, /\[debug\]\[http\]/, /^printed x{8192}$/m, /"dropped":\d+/]) {
      await eventually(`who reads again finds ${wanted}`, () => {
        text += pipe.read();
        return wanted.test(text) || undefined;
      });
    }
    figure('linesDropped', Number(/"dropped":(\d+)/.exec(text)?.[1]));
    pipe.fill();
  }
  const { code, ms } = await end('SIGTERM');
  figure(`endedAfterMs, ${output}`, Math.round(ms));
  expect(code).toBe(0);
  expect(ms).toBeLessThan(drainSeconds * 1000 + 4000);
});

it('the control: an Envoy that writes to a full pipe itself stands still', { timeout: 90_000 }, async () => {
  setUp();
  await sidecar('pipe', await talkative(`2>'${join(folder, 'pipe')}'`));
  child?.stdout?.resume();
  child?.stderr?.resume();
  const read = setInterval(() => pipe.read(), 20);
  await eventually('calls pass', async () => (await wall.call()) === 200 || undefined, 60_000);
  clearInterval(read);
  pipe.fill();
  const answered = wall.call().then(() => 'answered');
  const late = new Promise((resolve) => setTimeout(resolve, 2000, 'nothing'));
  expect(await Promise.race([answered, late])).toBe('nothing');
});
