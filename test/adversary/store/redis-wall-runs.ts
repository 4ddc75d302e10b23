// The two ways in which a test runs its control plane on a Redis: in the test's own process (quick to restart), or as its users do, in
// one of its own, whose memory is nobody else's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../src/lib/clock.ts';
import { defined } from '../../../src/lib/defined.ts';
import { createLifecycle } from '../../../src/lib/lifecycle.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { serve } from '../../../src/serve/serve.ts';
import type { ServeOptions, ServeStarted } from '../../../src/serve/serve-options.ts';
import { eventually } from '../../support/eventually.ts';

export interface Ports {
  readonly xds: number;
  readonly identity: number;
  readonly admin: number;
}

export interface Running {
  readonly ports: Ports;
  readonly adminTokenFile: string;
  /** Absent in the test's own process. */
  readonly pid?: number;
  /** In order. Fails if it did not end as it should. */
  end(): Promise<void>;
}

export interface Where {
  readonly url: string;
  /** Its data is in `data`. */
  readonly folder: string;
  /** 0 or a free one. */
  readonly ports: Ports;
  /** The file of its bootstrap secret. Default: without one. */
  readonly bootstrapSecret?: string;
  /** A file that says whom attestors believe; only in the test's own process. Default: there are only join tokens. */
  readonly attestors?: string;
  /** Only in the test's own process. Default: serve's own. */
  readonly isolatedAfterMs?: number;
  /** Only in the test's own process. Default: nothing is traced. */
  readonly tracing?: ServeOptions['tracing'];
}

export type Run = (where: Where) => Promise<Running>;

const host = '127.0.0.1';

export const inThisProcess: Run = async ({ url, folder, ports, bootstrapSecret, attestors, tracing, ...bounds }) => {
  const lifecycle = createLifecycle();
  const stopping = new AbortController();
  lifecycle.defer('waiting for a mesh', async () => stopping.abort());
  const deps = { clock: systemClock, log: silentLog, version: '0', lifecycle, signal: stopping.signal, ...bounds };
  const options = {
    store: { kind: 'redis', options: { url: new Redacted(url) } },
    data: join(folder, 'data'),
    ...defined({ bootstrapSecret, attestors, tracing }),
    xds: { host, port: ports.xds },
    identity: { host, port: ports.identity },
    admin: { host, port: ports.admin },
    logLevel: 'error',
  } as const;
  let running: Promise<unknown> = Promise.resolve();
  const info = await new Promise<ServeStarted>((resolve, reject) => {
    running = serve(options, deps, resolve).catch(async (reason: unknown) => {
      await lifecycle.close();
      reject(reason);
    });
  });
  return {
    ports: { xds: info.xds.port, identity: info.identity.port, admin: info.admin.port },
    adminTokenFile: info.adminTokenFile,
    async end() {
      await lifecycle.close();
      await running.catch(() => undefined);
    },
  };
};

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));

/** `cellwall serve --store redis`. Its ports must be given: it is asked there whether it is ready. */
export const inOneOfItsOwn: Run = async ({ url, folder, ports, bootstrapSecret }) => {
  const data = join(folder, 'data');
  const log = join(folder, 'serve.log');
  writeFileSync(log, '');
  const output = openSync(log, 'a');
  const child = spawn(
    process.execPath,
    [
      ...[bin, 'serve', '--store', 'redis', '--redis-url', url, '--data', data, '--log-level', 'error'],
      ...['--xds-listen', `${host}:${ports.xds}`, '--identity-listen', `${host}:${ports.identity}`],
      // Whatever is written there by others stays out: what comes into force of it by itself is redis-writer.test.ts's.
      ...['--admin-listen', `${host}:${ports.admin}`, '--store-option', 'direct-edits=wait'],
      ...(bootstrapSecret === undefined ? [] : ['--bootstrap-secret', bootstrapSecret]),
    ],
    { stdio: ['ignore', output, output] },
  );
  closeSync(output);
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const adminTokenFile = join(data, 'admin.token');
  await eventually(
    'the control plane is ready',
    async () => {
      if (ended()) throw new Error(`the control plane ended: ${readFileSync(log, 'utf8').slice(-2000)}`);
      if (!existsSync(adminTokenFile)) return false;
      return (await fetch(`http://${host}:${ports.admin}/readyz`).catch(() => undefined))?.ok;
    },
    90_000,
  );
  return {
    ports,
    adminTokenFile,
    ...(child.pid === undefined ? {} : { pid: child.pid }),
    async end() {
      if (ended()) throw new Error(`the control plane had ended: ${readFileSync(log, 'utf8').slice(-2000)}`);
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await once(child, 'exit');
      clearTimeout(late);
      if (child.exitCode !== 0) throw new Error(`the control plane ended with ${child.exitCode ?? child.signalCode}`);
    },
  };
};
