// What a hostile writer of the store can do to identities: take them away, and nothing else.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createJoinTokenAttestor } from '../../src/identity/attestor/join-token.ts';
import { createNodeKeyAttestor } from '../../src/identity/attestor/node-key.ts';
import { createNodeRegistry } from '../../src/identity/attestor/node-registry.ts';
import { createSealedTable, sealKey } from '../../src/identity/sealed-table.ts';
import { sha256 } from '../../src/identity/x509/fingerprint.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Json } from '../../src/lib/table.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { tokenEvidence } from '../../src/model/evidence.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { testBundle } from '../support/test-bundle.ts';

const api = parseSpiffeId('spiffe://td1/service/api');
const target = 'spiffe://td1/service/bank';
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cellwall-seal-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function open(entries: Map<string, Json>, name = 'nodes') {
  const table = createMemoryTable(entries);
  return createSealedTable({ table, name, key: sealKey(join(dir, 'seal.key')), log: silentLog });
}

test('entries come back as they were, under the key of the folder, which only its owner reads', async () => {
  const entries = new Map<string, Json>();
  await open(entries).set('a', { b: [1, 'x'] });
  expect(await open(entries).get('a')).toEqual({ b: [1, 'x'] });
  expect(await open(entries).list()).toEqual([{ key: 'a', value: { b: [1, 'x'] } }]);
  expect(await open(entries).claim('c', 'first')).toEqual({ won: true, value: 'first' });
  expect(await open(entries).claim('c', 'second')).toEqual({ won: false, value: 'first' });
  expect(statSync(join(dir, 'seal.key')).mode & 0o777).toBe(0o600);
});

test('nothing else counts: plain values, other keys, other tables, changed values', async () => {
  const entries = new Map<string, Json>([['plain', target]]);
  const table = open(entries);
  await table.set('a', 'one');
  const sealed = entries.get('a');
  if (typeof sealed !== 'object' || sealed === null || Array.isArray(sealed)) throw new Error('not sealed');
  entries.set('moved', sealed);
  entries.set('changed', { ...sealed, value: target });
  entries.set('shapes', { value: target, seal: 7 });
  for (const key of ['plain', 'moved', 'changed', 'shapes']) expect(await table.get(key)).toBeUndefined();
  expect((await table.list()).map(({ key }) => key)).toEqual(['a']);
  expect(await open(entries, 'join-tokens').get('a')).toBeUndefined();
  expect(await table.claim('plain', 'mine')).toEqual({ won: false, value: null });
});

test('a node key or a token that somebody wrote into the store gives no identity', async () => {
  const [nodeEntries, tokenEntries] = [new Map<string, Json>(), new Map<string, Json>()];
  const nodes = createNodeRegistry({
    nodes: open(nodeEntries),
    evicted: open(new Map(), 'evicted-nodes'),
    clock: createFakeClock(),
  });
  const tokens = createJoinTokenAttestor({
    tokens: open(tokenEntries, 'join-tokens'),
    clock: createFakeClock(),
    bundle: createWatched(await testBundle()),
  });
  nodeEntries.set('fingerprint', target);
  const byKey = createNodeKeyAttestor({ nodes, clock: createFakeClock() }).attest({}, { nodeKey: 'fingerprint' });
  await expect(byKey).rejects.toMatchObject({ code: 'unauthenticated' });
  const secret = 's'.repeat(43);
  const planted = { spiffeId: target, expiresAt: Number.MAX_SAFE_INTEGER, uses: 1 };
  tokenEntries.set(`token:${sha256(secret).toString('hex')}`, planted);
  const byToken = tokens.attest({ token: `cw1.${secret}.${'r'.repeat(43)}` }, { nodeKey: 'fingerprint' });
  await expect(byToken).rejects.toMatchObject({ code: 'unauthenticated' });
  if (api === undefined) throw new Error('no identity');
  const { token } = await tokens.createJoinToken({ spiffeId: api, ttlMs: 1000 });
  expect(await tokens.attest({ token: token.reveal() }, { nodeKey: 'k' })).toEqual(tokenEvidence(api));
});
