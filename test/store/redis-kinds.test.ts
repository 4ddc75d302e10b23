// The contract over each way in which Redis is run, through the options that `--store-option` takes, and always as a user with exactly
// the permissions that docs/redis.md says suffice.
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { checkNamedOptions, type NamedValues } from '../../src/lib/named-options.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { StateCheck } from '../../src/store/judges.ts';
import { redisStore } from '../../src/store/kinds/redis.ts';
import type { Store, StoreEvent } from '../../src/store/store.ts';
import { cellYaml, puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';
import { createServers, type Server, startCluster, startTls, startWatched } from '../support/valkeys.ts';
import { storeContract } from './contract.ts';

const password = 'p@ss: w/%rd';
const inUrl = encodeURIComponent(password);
const holding = { hold: () => undefined, release() {}, watch: () => () => {} };
const servers = createServers();
let folder: string;
let plain: Server;
let tls: Awaited<ReturnType<typeof startTls>>;
const kinds: Record<string, Readonly<Record<string, string>>> = {};

/** The lines of the page, for any of the prefixes here. */
function aclLines(): readonly [string, string] {
  const page = readFileSync(fileURLToPath(new URL('../../docs/redis.md', import.meta.url)), 'utf8');
  const sha = createHash('sha256').update(password).digest('hex');
  const lines = page.split('\n').filter((line) => line.startsWith('user cellwall on '));
  const [redis = '', sentinel = ''] = lines.map((line) => line.replace('#PASSWORD-SHA256', `#${sha}`));
  return [redis.replaceAll('cellwall:*', '{team-*}:*'), sentinel];
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-redis-kinds-'));
  const file = join(folder, 'password');
  writeFileSync(file, `${password}\n`);
  const [acl, sentinelAcl] = aclLines();
  const [server, watched, shards] = await Promise.all([
    servers.start([acl]),
    startWatched(servers, { name: 'walls', lines: [acl], sentinelPassword: 'among us', sentinelLines: [sentinelAcl] }),
    startCluster(servers, [acl]),
  ]);
  plain = server;
  tls = await startTls(plain.port);
  const tlsFiles = {
    'tls-ca-file': tls.ca,
    'tls-cert-file': tls.cert,
    'tls-key-file': tls.key,
    'tls-name': 'redis.test',
  };
  const asUser = { username: 'cellwall', 'password-file': file };
  kinds['one server'] = { url: `redis://cellwall:${inUrl}@127.0.0.1:${plain.port}/3` };
  kinds['TLS'] = { url: `rediss://127.0.0.1:${tls.port}`, ...asUser, ...tlsFiles };
  kinds['Sentinel'] = {
    ...{ url: 'redis://walls', ...asUser, 'sentinel-username': 'cellwall', 'sentinel-password-file': file },
    sentinels: ['127.0.0.1:1', ...watched.sentinels.map(({ port }) => `127.0.0.1:${port}`)].join(),
  };
  kinds['Cluster'] = {
    ...{ url: `redis://cellwall:${inUrl}@127.0.0.1:${shards[0]?.primary.port}` },
    'cluster-nodes': `127.0.0.1:1,127.0.0.1:${shards[1]?.replica.port}`,
  };
}, 90_000);
afterAll(async () => {
  tls?.stop();
  await servers.stop();
  rmSync(folder, { recursive: true, force: true });
});

function redacted(values: Readonly<Record<string, string>>): NamedValues {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, new Redacted(value)]));
}

function open(kind: string, check: StateCheck = acceptsAll, tag: string = randomUUID()): Promise<Store> {
  const options = redacted({ ...kinds[kind], prefix: `{team-${tag}}` });
  checkNamedOptions('the store "redis"', '--store-option', redisStore.options, options);
  return redisStore.open({
    ...{ options, state: mkdtempSync(join(folder, 'state-')), sealKey: () => new Redacted('key'), check },
    ...{ holding, log: silentLog, clock: systemClock },
  });
}

for (const kind of ['one server', 'TLS', 'Sentinel', 'Cluster']) {
  storeContract(`redis, ${kind}`, async (check) => {
    const tag = randomUUID();
    return {
      ...{ store: await open(kind, check, tag), another: () => open(kind, check, tag), cleanup: async () => {} },
      maxEntryBytes: 4 * 1024 * 1024,
    };
  });
}

it('an ACL of an earlier version, without the time, does; how late a change comes is not known then', async () => {
  const [acl] = aclLines();
  expect(acl).toContain(' +time ');
  const earlier = await servers.start([acl.replace(' +time', '')]);
  kinds['earlier'] = { url: `redis://cellwall:${inUrl}@127.0.0.1:${earlier.port}` };
  const tag = randomUUID();
  const [one, other] = [await open('earlier', acceptsAll, tag), await open('earlier', acceptsAll, tag)];
  const heard: StoreEvent[] = [];
  const stop = other.watch((event) => heard.push(event));
  await one.apply(puts(cellYaml('a', 1)), { author: 'test' });
  await eventually('the change', () => other.state()?.revision === 1 || undefined);
  const last = heard.findLast(({ kind }) => kind === 'state');
  expect(last).toMatchObject({ arrival: { by: 'replica' } });
  expect(JSON.stringify(last)).not.toContain('lagMs');
  stop();
  await one.close();
  await other.close();
});

it('the ACL of the page lets nobody touch other keys, or commands that are not needed', async () => {
  const [, sentinelAcl] = aclLines();
  expect(sentinelAcl).toContain('+sentinel|sentinels');
  const dry = (...command: readonly string[]) => plain.ask('ACL', 'DRYRUN', 'cellwall', ...command);
  expect(await dry('GET', '{team-1}:epoch')).toBe('OK');
  const refused = [
    ['GET', 'others'],
    ['FLUSHALL'],
    ['CONFIG', 'GET', '*'],
    ['KEYS', '*'],
    ['PUBLISH', 'others', 'x'],
    ['ACL', 'LIST'],
    ['EVAL', 'return 1', '1', 'others'],
  ];
  for (const command of refused) expect(await dry(...command), command.join(' ')).not.toBe('OK');
});

it('a renewed client certificate is used without a restart', async () => {
  const store = await open('TLS');
  try {
    await store.apply(puts(cellYaml('cell-1', 1)), { author: 'tester' });
    const renewed = await tls.issue({ dns: ['renewed.test'] });
    writeFileSync(tls.cert, renewed.certificate);
    writeFileSync(tls.key, renewed.key);
    const before = tls.peers.length;
    expect(tls.cut()).toBeGreaterThan(0);
    const seen = await eventually('it is connected again', () => tls.peers.slice(before).at(-1));
    expect(seen).toBe('DNS:renewed.test');
    await eventually(
      'it writes',
      async () => (await store.apply(puts(cellYaml('cell-1', 2)), { author: 'tester' }).catch(() => undefined)) && true,
    );
  } finally {
    await store.close();
  }
});
