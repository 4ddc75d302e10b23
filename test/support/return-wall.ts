// A wall of `web` → `api` with real sidecars in this process, for tests of what goes away and comes back: it starts sidecars in folders
// of its own, and ends what is left.
import { join } from 'node:path';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import type { SidecarOptions } from '../../src/sidecar/sidecar-options.ts';
import { type EchoApplication, startHttp1Echo } from './echo-application.ts';
import { freePorts } from './free-ports.ts';
import { heardLog } from './heard-log.ts';
import { httpCall } from './http-call.ts';
import { policyText, serviceText, yaml } from './resolve-text.ts';
import { type ServeHarness, type ServeHarnessOptions, startServe } from './serve-harness.ts';

export interface ReturnWall {
  readonly serve: ServeHarness;
  readonly application: EchoApplication;
  /** Where `web` finds `api`. */
  readonly outbound: number;
  readonly documents: string;
  /** `inbound`: of `api`. `dir`: its data folder, below the wall's. */
  start(
    service: string,
    more?: Partial<SidecarOptions> & {
      readonly dir?: string;
      readonly inbound?: string;
      readonly joins?: false;
      readonly tokenTtl?: string;
    },
  ): Promise<Sidecar>;
  /** The last one that was started in that folder. */
  sidecarOf(dir: string): Sidecar;
  /** The status that a caller of `web`'s side gets; 0 where nobody answers. */
  call(path?: string): Promise<number>;
  stop(): Promise<void>;
}

export interface ReturnWallOptions extends ServeHarnessOptions {
  readonly lifetime?: string;
  readonly mode?: 'strict' | 'permissive';
  /** More documents. */
  readonly more?: readonly string[];
}

export async function startReturnWall(options: ReturnWallOptions = {}): Promise<ReturnWall> {
  const { lifetime = '1h', mode = 'strict', more = [] } = options;
  const application = await startHttp1Echo();
  const [outbound = 0] = await freePorts(1);
  const documents = yaml(
    `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: ${mode}}, svid: {lifetime: ${lifetime}}}`,
    serviceText('api'),
    serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
    policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
    ...more,
  );
  const serve = await startServe(documents, options);
  const sidecars = new Set<Sidecar>();
  const byDir = new Map<string, Sidecar>();
  return {
    serve,
    application,
    outbound,
    documents,
    async start(service, { dir = service, joins, inbound, tokenTtl, ...given } = {}) {
      const token =
        joins === false ? undefined : (await serve.admin.createToken({ service, ttl: tokenTtl ?? '10m' })).token;
      const started = await runSidecar({
        identity: `127.0.0.1:${serve.identityPort}`,
        xds: `127.0.0.1:${serve.xdsPort}`,
        ...(token === undefined ? {} : { token: new Redacted(token) }),
        dataDir: join(serve.folder, dir),
        ...(inbound === undefined ? {} : { inbound, application: `127.0.0.1:${application.port}` }),
        env: process.env,
        log: silentLog,
        envoyWords: { write() {} },
        drainSeconds: 0,
        ...given,
      });
      sidecars.add(started);
      byDir.set(dir, started);
      void started.exited.then(() => sidecars.delete(started));
      return started;
    },
    sidecarOf(dir) {
      const found = byDir.get(dir);
      if (found === undefined) throw new Error(`no sidecar in ${dir}`);
      return found;
    },
    call: (path = '/') =>
      httpCall({ port: outbound, path }).then(
        ({ status }) => status,
        () => 0,
      ),
    async stop() {
      for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
      await Promise.all([...sidecars].map(({ exited }) => exited));
      await application.stop();
      await serve.stop();
    },
  };
}

/** Keeps the lines of a log, by level. */
export function keepLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log: Log = heardLog({
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: () => log,
  });
  return { log, lines };
}
