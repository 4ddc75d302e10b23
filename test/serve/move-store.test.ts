// What a store holds, moved to another one, to a file, and back: nothing is lost or changed, and nothing is overwritten unasked.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { newBootstrapSecret } from '../../src/identity/bootstrap-secret.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { lockFolder } from '../../src/lib/folder-lock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createReplicas } from '../../src/registry/replicas.ts';
import { type MoveOptions, moveStore, type Place } from '../../src/serve/move-store.ts';
import { openAudit } from '../../src/serve/open-audit.ts';
import { openStore } from '../../src/serve/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { controlPlaneSigner } from '../support/control-plane-signer.ts';
import { cellYaml, puts } from '../support/documents.ts';
import { acceptsAll } from '../support/judged.ts';
import { meshText, yaml } from '../support/resolve-text.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';

const author = 'tester';
const deps = { clock: systemClock, log: silentLog };
const holding = { hold: () => undefined, release() {}, watch: () => () => {} };
let valkey: Valkey;
let folder: string;
let data: string;
let redis: Place & { readonly kind: 'store' };
let prefixes = 0;

beforeAll(async () => {
  valkey = await startValkey(['--loglevel', 'warning']);
});
afterAll(() => valkey.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-move-'));
  data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  redis = redisAt(`move-${++prefixes}`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function redisAt(prefix: string): Place & { readonly kind: 'store' } {
  return {
    kind: 'store',
    store: { kind: 'redis', options: { url: new Redacted(valkey.url), prefix: new Redacted(prefix) } },
  };
}

function directory(name: string): Place & { readonly kind: 'store' } {
  mkdirSync(join(folder, name), { recursive: true });
  return { kind: 'store', store: { kind: 'directory', options: { documents: new Redacted(join(folder, name)) } } };
}

async function using<T>(
  { store: choice }: Place & { readonly kind: 'store' },
  task: (store: Store) => Promise<T>,
  at = data,
): Promise<T> {
  const { store } = await openStore({ store: choice, data: at }, { check: acceptsAll, holding, ...deps });
  try {
    return await task(store);
  } finally {
    await store.close();
  }
}

/** Three revisions, entries that end and that do not, an audit log. */
async function fill(place: Place & { readonly kind: 'store' }): Promise<void> {
  await using(place, async (store) => {
    await store.apply(puts(yaml(meshText())), { author });
    await store.apply(puts(`# why\n${cellYaml('cell-1', 1)}`), { author, mark: { reason: 'because' } });
    await store.apply(puts(cellYaml('cell-1', 2)), { author });
    await store.table('leases').set('a', { deep: [1, null] }, { ttlMs: 3_600_000 });
    await store.table('leases').set('gone', 1, { ttlMs: 1 });
    await store.table('nodes').set('b', 'text');
    const audit = await openAudit({ data, store, shared: place.store.kind === 'redis', ...deps });
    await audit.append({ kind: 'documents-applied', revision: 3, changed: ['Cell/cell-1'], urgent: false, author });
    audit.signWith(await controlPlaneSigner('td1'));
    await audit.close();
  });
}

async function held(place: Place & { readonly kind: 'store' }, at = data) {
  return using(
    place,
    async (store) => ({
      revision: store.state()?.revision,
      documents: store.state()?.documents.map(({ key, text }) => [key, text]),
      history: await store.history(),
      entries: ((await store.entries?.()) ?? []).filter(({ table }) => table !== 'audit' && table !== 'authority'),
      audit: await (await openAudit({ data: at, store, shared: place.store.kind === 'redis', ...deps })).read(9),
    }),
    at,
  );
}

const move = (options: Omit<MoveOptions, 'data' | 'replace'>, replace = false, at = data) =>
  moveStore({ data: at, replace, ...options }, deps);

/** To a second or so: entries are written with what is left of their time. */
function rounded<T extends { readonly entries: readonly { readonly until?: number }[] }>(content: T) {
  return {
    ...content,
    entries: content.entries.map((entry) => ({ ...entry, until: entry.until && Math.round(entry.until / 60_000) })),
  };
}

it('from a directory to Redis and back, everything is as it was', async () => {
  await fill(directory('one'));
  const before = await held(directory('one'));
  expect(before).toMatchObject({ revision: 3, audit: { records: [{ number: 1 }, { event: { kind: 'checkpoint' } }] } });
  expect(before.history.map(({ revision }) => revision)).toEqual([3, 2, 1]);
  expect(before.entries.map(({ table, key }) => `${table}/${key}`)).toEqual(
    expect.arrayContaining(['leases/a', 'nodes/b']),
  );
  expect(before.entries.find(({ key }) => key === 'a')?.until).toBeGreaterThan(Date.now() + 3_500_000);
  const done = await move({ from: directory('one'), to: redis });
  expect(done).toMatchObject({ revision: 3, documents: 2 });
  expect(rounded(await held(redis))).toEqual(rounded(before));
  await using(redis, async (store) =>
    expect(await store.apply([], { author })).toMatchObject({ kind: 'unchanged', revision: 3 }),
  );
  // What the data folder remembers of the first directory.
  await expect(move({ from: redis, to: directory('two') })).rejects.toMatchObject({ code: 'failed_precondition' });
  await move({ from: redis, to: directory('two') }, true);
  expect(rounded(await held(directory('two')))).toEqual(rounded(before));
  // What it came from is as it was, and what it goes to counts on from there.
  await using(directory('two'), async (store) =>
    expect(await store.apply(puts(cellYaml('cell-1', 3)), { author })).toMatchObject({ revision: 4 }),
  );
}, 60_000);

it('through a file: read by its owner only, complete, unchanged, and only with the key that sealed it', async () => {
  await fill(redis);
  const before = await held(redis);
  const file = join(folder, 'cellwall.export');
  expect(await move({ from: redis, to: { kind: 'file', path: file } })).toMatchObject({ revision: 3, audit: 2 });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const text = readFileSync(file, 'utf8');
  const from: Place = { kind: 'file', path: file };
  const refused = (pattern: RegExp) => expect.objectContaining({ message: expect.stringMatching(pattern) });
  await expect(move({ from: redis, to: from })).rejects.toEqual(refused(/exists already/));
  const target = redisAt(`move-${++prefixes}`);
  for (const broken of [
    text.replace('id: 2', 'id: 9'),
    text.slice(0, -20),
    text.split('\n').slice(2).join('\n'),
    '',
    '{}\n',
    '\0'.repeat(99),
  ]) {
    writeFileSync(file, broken);
    await expect(move({ from, to: target })).rejects.toEqual(refused(/incomplete, or was changed/));
  }
  writeFileSync(file, text, { mode: 0o600 });
  const other = join(folder, 'other');
  mkdirSync(other, { mode: 0o700 });
  await expect(move({ from, to: target }, false, other)).rejects.toEqual(refused(/another seal.key/));
  expect(await using(target, async (store) => store.state()?.revision, other)).toBe(0);
  // Another host, with the keys.
  writeFileSync(join(other, 'seal.key'), readFileSync(join(data, 'seal.key')), { mode: 0o600 });
  expect(await move({ from, to: target }, false, other)).toMatchObject({ revision: 3, audit: 2 });
  expect(rounded(await held(target, other))).toEqual(rounded({ ...before, audit: (await held(target, other)).audit }));
  // It goes on under its own id.
  const { audit } = await held(target, other);
  expect([audit.brokenAt, audit.records[0]]).toEqual([undefined, before.audit.records[0]]);
}, 60_000);

it('what is there is not overwritten, unless it may be replaced', async () => {
  await fill(directory('one'));
  const other = join(folder, 'other');
  const fillOther = (place: typeof redis) =>
    using(
      place,
      async (store) => {
        await store.apply(puts(`${cellYaml('other', 8)}---\n${yaml(meshText())}`), { author });
        await store.table('nodes').set('other', 1);
      },
      other,
    );
  mkdirSync(other, { mode: 0o700 });
  const foreign = redisAt(`move-${++prefixes}`);
  await fillOther(foreign);
  const before = await held(directory('one'));
  await expect(move({ from: directory('one'), to: foreign })).rejects.toMatchObject({
    message: expect.stringContaining('what is not ours'),
  });
  writeFileSync(join(other, 'seal.key'), readFileSync(join(data, 'seal.key')), { mode: 0o600 });
  await fillOther(redis);
  const places = { from: directory('one'), to: redis };
  await expect(move(places)).rejects.toMatchObject({
    code: 'failed_precondition',
    message: expect.stringContaining('not empty'),
  });
  expect(await using(redis, async (store) => store.state()?.documents.map(({ key }) => key), other)).toContain(
    'Cell/other',
  );
  // What is refused leaves no trace in the data folder, either.
  expect(rounded(await held(directory('one')))).toEqual(rounded(before));
  await move(places, true);
  const { documents, entries, revision } = await held(redis);
  expect([revision, documents?.map(([key]) => key)]).toEqual([3, ['Cell/cell-1', 'Mesh/mesh']]);
  expect(entries.map(({ key }) => key)).not.toContain('other');
}, 60_000);

it('nothing is moved while a control plane runs, or while something waits that none has put in force', async () => {
  await fill(directory('one'));
  const places = { from: directory('one'), to: redis };
  const lock = lockFolder({ folder: data, name: 'serve', hint: '' });
  await expect(move(places)).rejects.toMatchObject({ code: 'failed_precondition' });
  lock.release();
  writeFileSync(join(folder, 'one', 'edited.yaml'), cellYaml('edited', 5));
  await expect(move(places)).rejects.toMatchObject({
    message: expect.stringContaining('not all that is stored is in force'),
  });
  expect(await using(redis, async (store) => store.state()?.revision)).toBe(0);
}, 60_000);

it('nothing is moved while a control plane of another host uses the store; one that died does not matter', async () => {
  await fill(redis);
  const to = { kind: 'file', path: join(folder, 'export') } as const;
  await using(redis, async (store) => {
    const clock = systemClock;
    const replica = createReplicas({
      table: store.table('replicas'),
      id: 'other-host',
      about: () => ({}),
      clock,
      log: silentLog,
    });
    await expect(move({ from: redis, to })).rejects.toMatchObject({ message: expect.stringContaining('other-host') });
    await replica.stop();
    await store.table('replicas').set('dead-host', { beat: 7 }, { ttlMs: 60_000 });
  });
  await expect(move({ from: redis, to })).resolves.toMatchObject({ revision: 3 });
}, 60_000);

it('a wrong bootstrap secret on an empty folder is not in the way of the right one', async () => {
  await fill(redis);
  const from = { kind: 'file', path: join(folder, 'cellwall.export') } as const;
  await move({ from: redis, to: from });
  const secretFile = (name: string, sealKey?: string): string => {
    const path = join(folder, `bootstrap-secret-${name}`);
    const secret = newBootstrapSecret(sealKey === undefined ? undefined : new Redacted(sealKey));
    writeFileSync(path, secret.reveal(), { mode: 0o600 });
    return path;
  };
  const [right, wrong] = [
    secretFile('right', readFileSync(join(data, 'seal.key'), 'utf8').trim()),
    secretFile('wrong'),
  ];
  const other = join(folder, 'fresh');
  mkdirSync(other, { mode: 0o700 });
  const target = redisAt(`move-${++prefixes}`);
  await expect(move({ from, to: target, bootstrapSecret: wrong }, false, other)).rejects.toThrow(/seal.key/);
  await expect(move({ from, to: target, bootstrapSecret: right }, false, other)).resolves.toMatchObject({
    revision: 3,
  });
}, 60_000);

it('an edit that waits for approval is neither moved nor lost without a word', async () => {
  await fill(redis);
  const writer = new Redis(valkey.url, { lazyConnect: true });
  await writer.connect();
  const key = `move-${prefixes}:documents`;
  const [field = ''] = await writer.hkeys(key);
  expect(field).not.toBe('');
  await writer.hset(key, 'Cell/waits', cellYaml('waits', 9));
  await writer.quit();
  const waiting = await using(redis, async (store) => store.direct?.waiting().length);
  expect(waiting).toBe(1);
  const moved = move({ from: redis, to: { kind: 'file', path: join(folder, 'export') } });
  await expect(moved).rejects.toMatchObject({ message: expect.stringContaining('Cell/waits') });
}, 60_000);
