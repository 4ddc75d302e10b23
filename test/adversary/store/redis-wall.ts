// A control plane on a Redis that somebody else writes to as well, in the test's process: what the operator does, and what R can see.
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type AdminClient, createAdminClient } from '../../../src/admin/client.ts';
import { sealKey } from '../../../src/identity/sealed-table.ts';
import { createIdentityClient } from '../../../src/identity-api/client.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { CellwallError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { loadNodeKey, makeKey } from '../../../src/sidecar/svid/node-key.ts';
import { type FetchedSvid, fetchSvid } from '../../../src/sidecar/svid/svid-fetch.ts';
import { serverAt } from '../../../src/store/redis/connection.ts';
import { createRedisStore } from '../../../src/store/redis.ts';
import { puts } from '../../support/documents.ts';
import { freePorts } from '../../support/free-ports.ts';
import { acceptsAll } from '../../support/judged.ts';
import { startValkey } from '../../support/valkey.ts';
import { inThisProcess, type Ports, type Run, type Running } from './redis-wall-runs.ts';

export interface RedisWall {
  readonly admin: AdminClient;
  /** Of the control plane that runs now, if it is a process of its own. */
  readonly pid: number | undefined;
  /** R's own connection. */
  readonly redis: Redis;
  /** Everything there is in Redis, as `restore` puts it back. */
  dump(): Promise<readonly (readonly [string, Buffer])[]>;
  restore(dump: readonly (readonly [string, Buffer])[]): Promise<void>;
  apply(text: string): Promise<void>;
  /** The same texts from another control plane that has the key: what R lacks. */
  applyAsPeer(text: string): Promise<void>;
  /** Texts of what is in force, by key. */
  inForce(): Promise<ReadonlyMap<string, string>>;
  join(token: string, name: string): Promise<FetchedSvid>;
  /**
   * What a host that joined under `name` tries with what it has, by its SVID and by its node key: the codes of the refusals, or `taken`.
   */
  renew(name: string): Promise<readonly [svid: string, nodeKey: string]>;
  /** `whileAway`: what R does in between. */
  restart(whileAway?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** `documents`: what an operator applied before. */
export async function startRedisWall(documents: string, run: Run = inThisProcess): Promise<RedisWall> {
  const valkey = await startValkey(['--loglevel', 'warning']);
  const redis = new Redis(valkey.url);
  redis.on('error', () => {});
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-redis-wall-'));
  const host = '127.0.0.1';
  let ports: Ports = { xds: 0, identity: 0, admin: 0 };
  let running: Running | undefined;
  let client: AdminClient | undefined;

  const start = async (): Promise<void> => {
    running = await run({ url: valkey.url, folder, ports });
    ports = running.ports;
    const token = new Redacted(readFileSync(running.adminTokenFile, 'utf8').trim());
    client = createAdminClient({ url: `http://${host}:${ports.admin}`, token });
  };
  const admin = (): AdminClient => {
    if (client === undefined) throw new Error('not started');
    return client;
  };
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  await apply(new Redacted(valkey.url), join(folder, 'data'), documents);
  if (run !== inThisProcess) {
    const [xds = 0, identity = 0, admin = 0] = await freePorts(3);
    ports = { xds, identity, admin };
  }
  await start();
  return {
    get admin() {
      return admin();
    },
    get pid() {
      return running?.pid;
    },
    redis,
    async dump() {
      const keys = await redis.keys('*');
      const dumps = await Promise.all(keys.map(async (key) => [key, await redis.dumpBuffer(key)] as const));
      return dumps.filter(([, dump]) => dump !== null);
    },
    async restore(dump) {
      await redis.flushall();
      for (const [key, bytes] of dump) await redis.restore(key, 0, bytes, 'REPLACE');
    },
    async apply(text) {
      const answer = await admin().apply({ text });
      if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems));
    },
    applyAsPeer: (text) => apply(new Redacted(valkey.url), join(folder, 'data'), text),
    async inForce() {
      const { documents } = await admin().documents();
      return new Map(documents.map(({ key, text }) => [key, text.trim()]));
    },
    join: (token, name) =>
      fetchSvid({
        identity: `${host}:${ports.identity}`,
        token: new Redacted(token),
        dir: join(folder, name),
        log: silentLog,
      }),
    async renew(name) {
      const [chain = '', key = '', roots = ''] = ['svid.pem', 'key.pem', 'bundle.pem'].map((file) =>
        readFileSync(join(folder, name, file), 'utf8'),
      );
      const client = createIdentityClient({ host, port: ports.identity, roots });
      const nodeKey = (await loadNodeKey(join(folder, name))).key();
      const evidence = { attestor: 'node-key' };
      return [
        await said(client.renew({ chain, currentKey: createPrivateKey(key), key: await makeKey() })),
        await said(client.attest({ evidence, key: await makeKey(), nodeKey })),
      ];
    },
    async restart(whileAway) {
      await running?.end();
      await whileAway?.();
      await start();
    },
    async stop() {
      await running?.end();
      redis.disconnect();
      await valkey.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const said = (what: Promise<unknown>): Promise<string> =>
  what.then(
    () => 'taken',
    (reason: unknown) => CellwallError.from(reason).code,
  );

async function apply(url: Redacted<string>, data: string, documents: string): Promise<void> {
  const key = sealKey(join(data, 'seal.key'));
  const store = await createRedisStore({
    ...{ connection: serverAt(url), prefix: 'cellwall', sealKey: key },
    ...{ check: acceptsAll, log: silentLog, clock: systemClock },
  });
  await store.apply(puts(documents), { author: 'operator' });
  await store.close();
}
