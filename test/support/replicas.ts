// Several control planes of one deployment, on one Redis and with one CA, each in this process or in one of its own.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminClient, createAdminClient } from '../../src/admin/client.ts';
import { newBootstrapSecret, readBootstrapSecret } from '../../src/identity/bootstrap-secret.ts';
import { sealKey } from '../../src/identity/sealed-table.ts';
import { writeSecretFile } from '../../src/identity/secret-file.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { defined } from '../../src/lib/defined.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import { inThisProcess, type Ports, type Run, type Running, type Where } from '../adversary/store/redis-wall-runs.ts';
import { puts } from './documents.ts';
import { freePorts } from './free-ports.ts';
import { acceptsAll } from './judged.ts';
import type { TestCertificate } from './test-ca.ts';
import { startValkey, type Valkey } from './valkey.ts';

export interface Replica {
  readonly folder: string;
  readonly ports: Ports;
  readonly admin: AdminClient;
  /** Of one in a process of its own. */
  readonly pid: number | undefined;
  /** Files of an SVID, with a join token made here. */
  enrol(spiffeId: string): Promise<TestCertificate & { readonly dir: string }>;
  end(): Promise<void>;
  start(): Promise<void>;
}

export interface Replicas {
  readonly valkey: Valkey;
  readonly all: readonly Replica[];
  /** The file of their secret, if they have one. */
  readonly bootstrapSecret?: string;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/** The first creates the CA; the others are given its files. `bootstrap`: all start at once, with nothing but a secret. */
export async function startReplicas(
  documents: string,
  count = 2,
  run: Run = inThisProcess,
  { bootstrap = false, attestors }: { readonly bootstrap?: boolean; readonly attestors?: string } = {},
): Promise<Replicas> {
  const valkey = await startValkey();
  const root = mkdtempSync(join(tmpdir(), 'cellwall-replicas-'));
  const all: Replica[] = [];
  const bootstrapSecret = bootstrap ? join(root, 'bootstrap-secret') : undefined;
  if (bootstrapSecret !== undefined) writeSecretFile(bootstrapSecret, newBootstrapSecret().reveal());
  const start = (folder: string): Promise<Replica> =>
    startReplica(defined({ url: valkey.url, folder, bootstrapSecret, attestors }), run);
  for (let index = 0; index < count; index += 1) {
    mkdirSync(join(root, `${index}`, 'data'), { recursive: true, mode: 0o700 });
  }
  const folders = Array.from({ length: count }, (_, index) => join(root, `${index}`));
  const firstData = join(root, '0', 'data');
  const key = bootstrapSecret === undefined ? undefined : readBootstrapSecret(bootstrapSecret).sealKey;
  await applyFirst(valkey.url, key ?? sealKey(join(firstData, 'seal.key')), documents);
  if (bootstrap) all.push(...(await Promise.all(folders.map(start))));
  for (const folder of bootstrap ? [] : folders) {
    for (const name of all.length === 0 ? [] : ['ca', 'seal.key']) {
      copySecret(join(firstData, name), join(folder, 'data', name));
    }
    all.push(await start(folder));
  }
  return {
    valkey,
    all,
    ...defined({ bootstrapSecret }),
    async stop() {
      for (const replica of all) await replica.end();
      await valkey.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function startReplica(where: Omit<Where, 'ports'>, run: Run): Promise<Replica> {
  const { folder } = where;
  const [xds = 0, identity = 0, admin = 0] = await freePorts(3);
  const ports = { xds, identity, admin };
  let running: Running | undefined;
  let client: AdminClient | undefined;
  let enrolled = 0;
  const start = async (): Promise<void> => {
    running = await run({ ...where, ports });
    const token = new Redacted(readFileSync(running.adminTokenFile, 'utf8').trim());
    client = createAdminClient({ url: `http://${host}:${ports.admin}`, token });
  };
  await start();
  const adminNow = (): AdminClient => {
    if (client === undefined) throw new Error('not started');
    return client;
  };
  return {
    folder,
    ports,
    get admin() {
      return adminNow();
    },
    get pid() {
      return running?.pid;
    },
    async enrol(spiffeId) {
      const { token } = await adminNow().createToken({ spiffeId });
      const dir = join(folder, `svid-${enrolled++}`);
      await fetchSvid({ identity: `${host}:${ports.identity}`, token: new Redacted(token), dir, log: silentLog });
      const [certificate = '', key = '', root = ''] = ['svid.pem', 'key.pem', 'bundle.pem'].map((file) =>
        readFileSync(join(dir, file), 'utf8'),
      );
      return { certificate, key, root, dir };
    },
    async end() {
      const ending = running;
      running = undefined;
      await ending?.end();
    },
    start,
  };
}

/** With the access rights that it has, folders as well. */
function copySecret(from: string, to: string): void {
  const { mode } = statSync(from);
  if (!statSync(from).isDirectory()) {
    cpSync(from, to);
    return;
  }
  mkdirSync(to, { mode });
  for (const name of readdirSync(from)) copySecret(join(from, name), join(to, name));
}

async function applyFirst(url: string, key: Redacted<string>, documents: string): Promise<void> {
  const store = await createRedisStore({
    ...{ connection: serverAt(new Redacted(url)), prefix: 'cellwall', sealKey: key },
    ...{ check: acceptsAll, log: silentLog, clock: systemClock },
  });
  await store.apply(puts(documents), { author: 'operator' });
  await store.close();
}
