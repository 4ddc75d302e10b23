// A whole control plane inside the test's process, on free ports that a restart keeps; its documents are applied as text.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminClient, createAdminClient } from '../../src/admin/client.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { createLifecycle, type Lifecycle } from '../../src/lib/lifecycle.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { type ServeDeps, serve } from '../../src/serve/serve.ts';
import type { ServeOptions, ServeStarted } from '../../src/serve/serve-options.ts';
import { type FetchedSvid, fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';

export interface ServeHarness {
  /** Temporary, removed by `stop`. */
  readonly folder: string;
  readonly xdsPort: number;
  readonly identityPort: number;
  readonly adminPort: number;
  /** 0 without it. */
  readonly adminTlsPort: number;
  readonly admin: AdminClient;
  /** What it exports to Prometheus. */
  metrics(): Promise<string>;
  /** Throws when they are refused. */
  apply(documents: string): Promise<void>;
  /** SVID files of an identity, with a join token of its own. */
  enrol(spiffeId: string): Promise<FetchedSvid & { readonly dir: string }>;
  /** Ends it and starts it again, on the same data and ports. `meanwhile`: what happens while it is away. */
  restart(meanwhile?: () => void | Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** Without a Mesh it waits for one, which here is a mistake in the test's documents. */
function toldOfRefusal(log: Log, refused: string[], onWait: () => void): Log {
  return {
    ...log,
    error(fields, message) {
      log.error(fields, message);
      if (message === 'documents refused') refused.push(JSON.stringify(fields));
    },
    warn(fields, message) {
      log.warn(fields, message);
      if (message.endsWith('only the admin API is open until there is a Mesh')) onWait();
    },
  };
}

export interface ServeHarnessOptions {
  /** The admin API's TLS port; `files`: with a certificate of somebody else. */
  readonly adminTls?: { readonly files?: { readonly certificate: string; readonly key: string } };
  readonly publish?: ServeOptions['publish'];
  readonly clock?: Clock;
  readonly log?: Log;
  /** Another store than the folder's documents. */
  readonly store?: (folder: string) => ServeOptions['store'];
  readonly ca?: ServeOptions['ca'];
  readonly openCa?: ServeDeps['openCa'];
  readonly xdsTransport?: ServeOptions['xdsTransport'];
  /** It follows that one: its documents come from there. */
  readonly parent?: ServeOptions['parent'];
  readonly limits?: ServeOptions['limits'];
  readonly oidc?: ServeOptions['oidc'];
  /** A file that says whom attestors believe. */
  readonly attestors?: ServeOptions['attestors'];
  readonly bundleEndpoint?: ServeOptions['bundleEndpoint'];
  /** A file that says where records of the audit log go as well. */
  readonly auditSinks?: ServeOptions['auditSinks'];
  readonly tracing?: ServeOptions['tracing'];
}

/** The store that the documents of a directory are. */
export function directoryOf(documents: string): ServeOptions['store'] {
  return { kind: 'directory', options: { documents: new Redacted(documents) } };
}

export async function startServe(documents: string, options: ServeHarnessOptions = {}): Promise<ServeHarness> {
  const { clock = systemClock, log = silentLog } = options;
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-serve-'));
  const data = join(folder, 'data');
  mkdirSync(join(folder, 'documents'));
  writeFileSync(join(folder, 'documents', 'all.yaml'), documents);
  const host = '127.0.0.1';
  let ports = { xds: 0, identity: 0, admin: 0, adminTls: 0 };
  let lifecycle: Lifecycle | undefined;

  const start = async (): Promise<ServeStarted> => {
    const closing = createLifecycle();
    lifecycle = closing;
    const deps = { clock, log, version: '0', lifecycle: closing };
    let info: ServeStarted | undefined;
    const waiting = new AbortController();
    const refused: string[] = [];
    const told = options.parent === undefined ? toldOfRefusal(log, refused, () => waiting.abort()) : log;
    await serve(
      {
        store: options.store?.(folder) ?? directoryOf(join(folder, 'documents')),
        data,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
        xds: { host, port: ports.xds },
        identity: { host, port: ports.identity },
        admin: { host, port: ports.admin },
        ...(options.adminTls && {
          adminTls: { address: { host, port: ports.adminTls }, names: ['cellwall.test'], ...options.adminTls },
        }),
        ...(options.publish && { publish: options.publish }),
        ...(options.parent && { parent: options.parent }),
        ...(options.xdsTransport && { xdsTransport: options.xdsTransport }),
        ...(options.limits && { limits: options.limits }),
        ...(options.oidc && { oidc: options.oidc }),
        ...(options.attestors && { attestors: options.attestors }),
        ...(options.bundleEndpoint && { bundleEndpoint: options.bundleEndpoint }),
        ...(options.auditSinks && { auditSinks: options.auditSinks }),
        ...(options.tracing && { tracing: options.tracing }),
        logLevel: 'error',
      },
      { ...deps, log: told, signal: waiting.signal, openCa: options.openCa },
      (found) => {
        info = found;
      },
    ).catch(async (reason: unknown) => {
      await closing.close();
      if (refused.length === 0) throw reason;
      throw new Error(`the documents are refused: ${refused.join('; ')}`, { cause: reason });
    });
    if (info === undefined) throw new Error('the control plane did not say that it started');
    ports = {
      xds: info.xds.port,
      identity: info.identity.port,
      admin: info.admin.port,
      adminTls: info.adminTls?.port ?? 0,
    };
    return info;
  };
  const { adminTokenFile } = await start();
  const token = new Redacted(readFileSync(adminTokenFile, 'utf8').trim());
  const admin = createAdminClient({ url: `http://${host}:${ports.admin}`, token });
  let enrolled = 0;
  return {
    folder,
    xdsPort: ports.xds,
    identityPort: ports.identity,
    adminPort: ports.admin,
    adminTlsPort: ports.adminTls,
    admin,
    metrics: async () => (await fetch(`http://${host}:${ports.admin}/metrics`)).text(),
    async apply(text) {
      const answer = await admin.apply({ text });
      if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems));
    },
    async enrol(spiffeId) {
      const dir = join(folder, `svid-${++enrolled}`);
      const { token: joinToken } = await admin.createToken({ spiffeId });
      const fetched = await fetchSvid({
        identity: `${host}:${ports.identity}`,
        token: new Redacted(joinToken),
        dir,
        log: silentLog,
      });
      return { ...fetched, dir };
    },
    async restart(meanwhile) {
      await lifecycle?.close();
      await meanwhile?.();
      await start();
    },
    async stop() {
      await lifecycle?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
