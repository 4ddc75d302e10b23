// Ports that an outgoing connection may take: a sidecar warns of its own, and of those that its documents give it.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { localPorts } from '../../src/lib/local-ports.ts';
import { watchPorts } from '../../src/sidecar/envoy/watch-ports.ts';
import { runSidecar } from '../../src/sidecar/run-sidecar.ts';
import { eventually } from '../support/eventually.ts';
import { oneServer } from '../support/one-server.ts';
import { keepLog } from '../support/return-wall.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-local-ports-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('reads what the kernel says, and what is kept out of it', () => {
  const read = (range: string, reserved: string) =>
    localPorts((name) => (name === 'ip_local_port_range' ? range : reserved));
  const ports = read('32768\t60999\n', '40000,41000-41005\n');
  expect([32_767, 32_768, 40_000, 40_001, 41_003, 60_999, 61_000].filter((port) => ports?.taken(port))).toEqual([
    32_768, 40_001, 60_999,
  ]);
  expect(read('32768 60999', '')?.taken(40_000)).toBe(true);
  for (const range of ['', 'x y', '60999 32768', '1']) expect(read(range, '')).toBeUndefined();
  expect(
    localPorts(() => {
      throw new Error('no /proc');
    }),
  ).toBeUndefined();
});

it('warns at its start of a --listen among them', async () => {
  const start = async (port: number): Promise<readonly string[]> => {
    const { log, lines } = keepLog();
    const stopping = { drain: AbortSignal.abort(), now: AbortSignal.abort() };
    const addresses = { identity: '127.0.0.1:1', xds: '127.0.0.1:1', inbound: `127.0.0.1:${port}` };
    await expect(runSidecar({ ...addresses, dataDir: folder, env: {}, log, stopping })).rejects.toThrow();
    return lines.filter((line) => line.includes('an outgoing connection may take'));
  };
  const first = localPorts()?.first ?? 0;
  expect(first).toBeGreaterThan(0);
  expect(await start(first)).toEqual([expect.stringContaining('"where":"--listen"')]);
  expect(await start(first - 1)).toEqual([]);
});

it('warns once of each dependsOn.listen among them', async () => {
  const { first = 0, last = 0 } = localPorts() ?? {};
  const path = join(folder, 'admin.sock');
  let asked = 0;
  const admin = createServer((request, response) => {
    if (request.url === '/listeners') asked += 1;
    const names = [`outbound/a::127.0.0.1:${first}`, `outbound/a::[::1]:${first}`, `outbound/b::127.0.0.1:${last}`];
    const others = [`inbound::127.0.0.1:${first + 1}`, `outbound/c::127.0.0.1:${first - 1}`, 'outbound/d::/run/x.sock'];
    response.end(request.url === '/listeners' ? [...names, ...others].join('\n') : '{}');
  });
  await new Promise<void>((resolve) => admin.listen(path, resolve));
  const { log, lines } = keepLog();
  const clock = { ...systemClock, after: (_ms: number, task: () => void) => systemClock.after(10, task) };
  const watch = watchPorts({
    admin: () => ({ kind: 'unix', path }),
    inbounds: [{ host: '127.0.0.1', port: first + 1 }],
    servers: oneServer({ host: '127.0.0.1', port: 1 }),
    svid: () => {
      throw new Error('nothing is told');
    },
    instance: 'a',
    run: 'r',
    clock,
    log,
  });
  try {
    await eventually('it looked again', async () => asked > 2 || undefined, 5000);
  } finally {
    watch.close();
    admin.close();
  }
  expect(lines.map((line) => /"port":(\d+)/.exec(line)?.[1])).toEqual([String(first), String(last)]);
});
