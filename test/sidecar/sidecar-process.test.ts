// How a sidecar ends, and what is left of it: by signals, by errors, by kill -9; and how the next one takes over.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { httpCall } from '../support/http-call.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';
import { envoyBetween, isAlive, type SidecarProcess, startSidecarProcess } from '../support/sidecar-process.ts';

const spiffeId = 'spiffe://td1/service/api';
let harness: IdentityHarness;
let left: string[];
let dir: string;
let application: Server;
let port: number;
let envoy: string;
let started: SidecarProcess[];
let release: () => void;

beforeEach(async () => {
  left = [];
  harness = await createIdentityHarness({ leave: (node) => void left.push(node) });
  dir = mkdtempSync(join(tmpdir(), 'cellwall-sidecar-'));
  started = [];
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  application = createServer((request, response) => {
    if (request.url === '/slow') void released.then(() => response.end('at last'));
    else response.end('at once');
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  [port = 0] = await freePorts(1);
  envoy = await envoyBetween(dir, port, (application.address() as AddressInfo).port);
});

afterEach(async () => {
  for (const sidecar of started) sidecar.signal('SIGKILL');
  for (const { log } of started) {
    for (const [, pid] of log().matchAll(/"pid":(\d+),"msg":"Envoy started"/g)) {
      if (isAlive(Number(pid))) process.kill(Number(pid), 'SIGKILL');
    }
  }
  application.close();
  application.closeAllConnections();
  await harness.close();
  rmSync(dir, { recursive: true, force: true });
});

async function start(
  more: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  full = false,
): Promise<SidecarProcess> {
  const { host, port: identity } = harness.address;
  const sidecar = startSidecarProcess(
    [
      ...['--service', 'api', '--data', join(dir, 'data'), '--app', '127.0.0.1:9', '--listen', '127.0.0.1:0'],
      ...['--envoy-bin', envoy, ...more],
      // Each may be given several times.
      ...(more.includes('--identity-address') ? [] : ['--identity-address', `${host}:${identity}`]),
      ...(more.includes('--xds-address') ? [] : ['--xds-address', '127.0.0.1:1']),
    ],
    { CELLWALL_TOKEN: (await harness.token(spiffeId)).reveal(), ...env },
    full,
  );
  started.push(sidecar);
  return sidecar;
}

async function call(path = '/'): Promise<string> {
  return (await httpCall({ port, path })).body;
}

function serves(): Promise<string> {
  return eventually('a call goes through', () => call().catch(() => undefined));
}

/** Resolves once the application has it. */
async function slowCall(): Promise<{ readonly answer: Promise<string> }> {
  const arrived = new Promise<void>((resolve) =>
    application.on('request', ({ url }) => {
      if (url === '/slow') resolve();
    }),
  );
  const answer = call('/slow');
  answer.catch(() => {});
  await arrived;
  return { answer };
}

describe('a sidecar that is told to end', () => {
  it('drains at a Ctrl-C, also when npx hands it on once more', async () => {
    const sidecar = await start();
    const pid = await sidecar.envoy();
    await serves();
    const { answer } = await slowCall();
    sidecar.interrupt();
    setTimeout(() => sidecar.signal('SIGINT'), 50);
    await eventually('the drain', async () => (/drain/.test(await draining()) ? true : undefined));
    release();
    expect(await answer).toBe('at last');
    expect(await sidecar.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(pid)).toBe(false);
  });

  it('ends at once at a second Ctrl-C', async () => {
    const sidecar = await start(['--drain-seconds', '60']);
    const pid = await sidecar.envoy();
    await serves();
    const { answer } = await slowCall();
    sidecar.interrupt();
    await eventually('the drain', async () => (/drain/.test(await draining()) ? true : undefined));
    // Later than npx would hand the first one on.
    await new Promise((resolve) => setTimeout(resolve, 600));
    const second = performance.now();
    sidecar.interrupt();
    expect(await sidecar.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - second).toBeLessThan(2000);
    expect(isAlive(pid)).toBe(false);
    await expect(answer).rejects.toThrow();
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('leaves no Envoy after %s', async (signal) => {
    const sidecar = await start();
    const pid = await sidecar.envoy();
    sidecar.signal(signal);
    expect(await sidecar.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(pid)).toBe(false);
  });

  it('leaves no Envoy after an error of its own', async () => {
    const fault = 'process.on("SIGUSR2", () => { throw new Error("a fault") })';
    const sidecar = await start([], { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}` });
    const pid = await sidecar.envoy();
    await serves();
    sidecar.signal('SIGUSR2');
    expect((await sidecar.exited).code).not.toBe(0);
    await eventually('Envoy has ended', () => !isAlive(pid) || undefined);
  });

  it('ends at once, and well, while it waits for a control plane that does not answer', async () => {
    const silent = createTcpServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const asked = new Promise((resolve) => silent.once('connection', resolve));
    const sidecar = await start(['--identity-address', `127.0.0.1:${(silent.address() as AddressInfo).port}`]);
    await asked;
    const before = performance.now();
    sidecar.signal('SIGTERM');
    expect(await sidecar.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - before).toBeLessThan(2000);
    expect(sidecar.log()).not.toContain('Envoy started');
    silent.close();
  });
});

describe('a sidecar on a full disk', () => {
  it('starts again by what is there', async () => {
    // The bootstrap as it is written: the test's Envoy changes it.
    const first = await start();
    await first.envoy();
    const bootstrap = readFileSync(join(dir, 'data/envoy.json'), 'utf8');
    await serves();
    first.signal('SIGTERM');
    await first.exited;
    writeFileSync(join(dir, 'data/envoy.json'), bootstrap.replaceAll('"0.02s"', '"5s"'));
    const second = await start([], {}, true);
    await second.envoy();
    await serves();
    expect(second.log()).toContain('cannot note which Envoy runs');
  });

  it('says what it cannot write, when it needs to', async () => {
    const first = await start();
    await first.envoy();
    first.signal('SIGTERM');
    await first.exited;
    const second = await start(['--xds-address', '127.0.0.1:2'], {}, true);
    expect((await second.exited).code).toBe(1);
    expect(second.log()).toContain(`error: cannot write ${join(dir, 'data/envoy.json')} (EFBIG)\n  hint: `);
  });
});

describe('a sidecar whose Envoy dies', () => {
  it('says so, and fails', async () => {
    const sidecar = await start();
    process.kill(await sidecar.envoy(), 'SIGSEGV');
    expect((await sidecar.exited).code).toBe(1);
    expect(sidecar.log()).toContain('"signal":"SIGSEGV","msg":"Envoy ended by itself');
  });
});

describe('a sidecar that was killed', () => {
  it('leaves its Envoy to serve; the next one takes its place with a short gap, on the same port', async () => {
    const first = await start();
    const orphan = await first.envoy();
    await serves();
    const inbound = readFileSync(join(dir, 'data/listen-port'), 'utf8');
    first.signal('SIGKILL');
    await first.exited;
    expect(await call()).toBe('at once');

    const gap = measureGap();
    const { answer } = await slowCall();
    const second = await start();
    await eventually('it tells', () => /helper that was killed still runs/.test(second.log()) || undefined);
    release();
    expect(await answer).toBe('at last');
    const pid = await second.envoy();
    expect(pid).not.toBe(orphan);
    expect(isAlive(orphan)).toBe(false);
    await serves();
    expect(await gap()).toBeLessThan(2000);
    expect(readFileSync(join(dir, 'data/listen-port'), 'utf8')).toBe(inbound);
    expect(second.log()).toContain('that Envoy has ended');
    // The service's proxy goes on: no goodbye before it is told to end.
    expect(left).toEqual([]);
    second.signal('SIGTERM');
    expect(await second.exited).toEqual({ code: 0, signal: null });
    expect(left).toEqual([`${spiffeId}~${readFileSync(join(dir, 'data/instance'), 'utf8').trim()}`]);
  });

  it('has its Envoy ended by the next one, should that be told to end before it is ready', async () => {
    const first = await start();
    const orphan = await first.envoy();
    first.signal('SIGKILL');
    await first.exited;
    rmSync(join(dir, 'data/svid'), { recursive: true });
    await harness.close();
    const second = await start();
    await eventually('it waits', () => /waiting for the control plane/.test(second.log()) || undefined);
    expect(isAlive(orphan)).toBe(true);
    second.signal('SIGTERM');
    expect(await second.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(orphan)).toBe(false);
    harness = await createIdentityHarness();
  });

  it('keeps its Envoy when the next one cannot start', async () => {
    const first = await start();
    const orphan = await first.envoy();
    await serves();
    first.signal('SIGKILL');
    await first.exited;
    const second = await start(['--listen', `127.0.0.1:${harness.address.port}`]);
    expect((await second.exited).code).toBe(1);
    expect(second.log()).toContain(
      `cannot listen on 127.0.0.1:${harness.address.port} for callers: the port is taken\n  hint: stop who has it: pid ${process.pid} (`,
    );
    expect(isAlive(orphan)).toBe(true);
    expect(await call()).toBe('at once');
  });

  it('has nobody else ended for it, whoever got the pid', async () => {
    const first = await start();
    const orphan = await first.envoy();
    const file = join(dir, 'data/envoy-process.json');
    const record = readFileSync(file, 'utf8');
    first.signal('SIGTERM');
    await first.exited;
    // This process, by its pid: started at another time, with other arguments.
    writeFileSync(file, record.replace(`"pid":${orphan}`, `"pid":${process.pid}`));
    const second = await start();
    expect(await second.envoy()).not.toBe(orphan);
    expect(second.log()).not.toContain('was killed');
  });
});

/** What Envoy's admin says of it. */
function draining(): Promise<string> {
  return new Promise((resolve) => {
    import('node:http').then(({ get }) =>
      get({ socketPath: join(dir, 'data/admin.sock'), path: '/server_info' }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => resolve(text));
      }).on('error', () => resolve('')),
    );
  });
}

/** Calls all the time; the answer stops, and tells the longest time without an answer. */
function measureGap(): () => Promise<number> {
  let longest = 0;
  let running = true;
  const calling = (async () => {
    let last = performance.now();
    while (running) {
      await call().then(
        () => {
          longest = Math.max(longest, performance.now() - last);
          last = performance.now();
        },
        () => {},
      );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return async () => {
    running = false;
    await calling;
    return longest;
  };
}
