// A control plane and two sidecars with real Envoys in one process: web calls api. Who makes their keys is for the test to say.
import { join } from 'node:path';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import type { SidecarOptions } from '../../src/sidecar/sidecar-options.ts';
import { startHttp1Echo } from './echo-application.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { httpCall } from './http-call.ts';
import { type Caller, keepCalling } from './keep-calling.ts';
import { meshText, policyText, serviceText, yaml } from './resolve-text.ts';
import { type ServeHarness, type ServeHarnessOptions, startServe } from './serve-harness.ts';

/** Of a Workload; undefined: no word. */
export type Secrets = 'local' | 'pushed' | undefined;

export interface HomeWall {
  readonly plane: ServeHarness;
  /** By service, with its data folder. */
  sidecar(service: 'api' | 'web'): Sidecar;
  folder(service: 'api' | 'web'): string;
  /** Starts it, or starts it again; the one before must have been stopped. */
  start(service: 'api' | 'web', more?: Partial<SidecarOptions>): Promise<Sidecar>;
  /** Calls of web to api, all the time. */
  readonly calls: Caller;
  call(): Promise<number>;
  /** Documents in which the services say that. */
  documents(secrets: Secrets): string;
  stop(): Promise<void>;
}

export interface HomeWallOptions extends ServeHarnessOptions {
  readonly secrets: Secrets;
  /** Of SVIDs. Default 60 s. */
  readonly lifetimeMs?: number;
}

export async function startHomeWall({ secrets, lifetimeMs = 60_000, ...options }: HomeWallOptions): Promise<HomeWall> {
  const [inbound = 0, outbound = 0] = await freePorts(2);
  const documents = (kept: Secrets): string =>
    yaml(
      meshText('strict', `, svid: {lifetime: ${lifetimeMs}ms}`),
      serviceText('api'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
      policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
      ...(kept === undefined ? [] : ['api', 'web'].map((name) => keptBy(name, kept))),
    );
  const plane = await startServe(documents(secrets), options);
  const application = await startHttp1Echo();
  const running = new Map<string, Sidecar>();
  const folder = (service: string): string => join(plane.folder, `sidecar-${service}`);
  const start = async (service: 'api' | 'web', more: Partial<SidecarOptions> = {}): Promise<Sidecar> => {
    const known = running.has(service);
    const token = known ? undefined : new Redacted((await plane.admin.createToken({ service })).token);
    const ports =
      service === 'web' ? {} : { inbound: `127.0.0.1:${inbound}`, application: `127.0.0.1:${application.port}` };
    const sidecar = await runSidecar({
      ...{
        identity: `127.0.0.1:${plane.identityPort}`,
        xds: `127.0.0.1:${plane.xdsPort}`,
        token,
        dataDir: folder(service),
      },
      ...{ env: process.env, log: silentLog, envoyWords: { write() {} }, drainSeconds: 0, countersEveryMs: 500 },
      ...{ ...ports, ...more },
    });
    running.set(service, sidecar);
    return sidecar;
  };
  await start('api');
  await start('web');
  const call = async (): Promise<number> => (await httpCall({ port: outbound })).status;
  const calls = keepCalling(async () => {
    const status = await call();
    if (status !== 200) throw new Error(`status ${status}`);
  });
  await eventually('calls pass', () => calls.fineInARow() > 5 || undefined, 240_000);
  const sidecar = (service: string): Sidecar => {
    const found = running.get(service);
    if (found === undefined) throw new Error(`no sidecar of ${service}`);
    return found;
  };
  return {
    ...{ plane, sidecar, folder, start, calls, call, documents },
    async stop() {
      await calls.close();
      await Promise.all([...running.values()].map((one) => one.stop()));
      application.stop();
      await plane.stop();
    },
  };
}

function keptBy(service: string, secrets: 'local' | 'pushed'): string {
  return `kind: Workload\nmetadata: {name: ${service}}\nspec: {identity: {service: ${service}}, secrets: ${secrets}}`;
}
