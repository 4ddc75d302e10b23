// A control plane on a Redis that somebody else writes to as well, in the test's process: what the operator does, and what R can see.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type AdminClient, createAdminClient } from '../../../src/admin/client.ts';
import type { ServeStarted } from '../../../src/cli/run.ts';
import { sealKey } from '../../../src/identity/sealed-table.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { createLifecycle, type Lifecycle } from '../../../src/lib/lifecycle.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { serve } from '../../../src/serve/serve.ts';
import { type FetchedSvid, fetchSvid } from '../../../src/sidecar/svid-fetch.ts';
import { createRedisStore } from '../../../src/store/redis.ts';
import { puts } from '../../support/documents.ts';
import { startValkey } from '../../support/valkey.ts';

export interface RedisWall {
  readonly admin: AdminClient;
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
  /** `whileAway`: what R does in between. */
  restart(whileAway?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** `documents`: what an operator applied before. */
export async function startRedisWall(documents: string): Promise<RedisWall> {
  const valkey = await startValkey(['--loglevel', 'warning']);
  const redis = new Redis(valkey.url);
  redis.on('error', () => {});
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-redis-wall-'));
  const host = '127.0.0.1';
  let ports = { xds: 0, identity: 0, admin: 0 };
  let lifecycle: Lifecycle | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let client: AdminClient | undefined;

  const start = async (): Promise<void> => {
    const closing = createLifecycle();
    lifecycle = closing;
    const stopping = new AbortController();
    closing.defer('waiting for a mesh', async () => stopping.abort());
    const deps = { clock: systemClock, log: silentLog, version: '0', lifecycle: closing, signal: stopping.signal };
    const options = {
      store: { kind: 'redis', url: new Redacted(valkey.url) },
      data: join(folder, 'data'),
      xds: { host, port: ports.xds },
      identity: { host, port: ports.identity },
      admin: { host, port: ports.admin },
      logLevel: 'error',
    } as const;
    const info = await new Promise<ServeStarted>((resolve, reject) => {
      running = serve(options, deps, resolve).catch(reject);
    });
    ports = { xds: info.xds.port, identity: info.identity.port, admin: info.admin.port };
    const token = new Redacted(readFileSync(info.adminTokenFile, 'utf8').trim());
    client = createAdminClient({ url: `http://${host}:${ports.admin}`, token });
  };
  const admin = (): AdminClient => {
    if (client === undefined) throw new Error('not started');
    return client;
  };
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  await apply(new Redacted(valkey.url), join(folder, 'data'), documents);
  await start();
  return {
    get admin() {
      return admin();
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
    async restart(whileAway) {
      await lifecycle?.close();
      await running.catch(() => undefined);
      await whileAway?.();
      await start();
    },
    async stop() {
      await lifecycle?.close();
      redis.disconnect();
      await valkey.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function apply(url: Redacted<string>, data: string, documents: string): Promise<void> {
  const key = sealKey(join(data, 'seal.key'));
  const store = await createRedisStore({
    ...{ url, prefix: 'cellwall', sealKey: key },
    ...{ check: () => [], log: silentLog, clock: systemClock },
  });
  await store.apply(puts(documents), { author: 'operator' });
  await store.close();
}
