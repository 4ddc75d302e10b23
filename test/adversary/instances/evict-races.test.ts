// W asks for certificates while it is evicted, or its Service deleted: at whatever moment of a request that is, it gets nothing by it, and
// its key is not known again afterwards.
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeRegistry } from '../../../src/identity/attestor/node-registry.ts';
import { parseJoinToken } from '../../../src/identity/join-token.ts';
import { keyFingerprint } from '../../../src/identity/x509/fingerprint.ts';
import { createIdentityClient, fetchPinnedRoots, type IdentityClient } from '../../../src/identity-api/client.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Json, Table } from '../../../src/lib/table.ts';
import { figure } from '../../support/figure.ts';
import { createIdentityHarness, type IdentityHarness, idOf } from '../../support/identity-harness.ts';
import { createMemoryTable } from '../../support/memory-table.ts';

const w = idOf('spiffe://td1/service/w');
/** In the middle of making a certificate. */
let during: () => void = () => undefined;
let documents = new Set<string>([w]);
let harness: IdentityHarness;
let client: IdentityClient;
let nodeKey: KeyObject;

const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const host = (): string => keyFingerprint(createPublicKey(nodeKey));

beforeEach(async () => {
  during = () => undefined;
  documents = new Set([w]);
  harness = await createIdentityHarness({
    policy(id) {
      if (id !== w) return undefined;
      during();
      return documents.has(id) ? { lifetimeMs: 3_600_000, dnsNames: [] } : undefined;
    },
  });
  nodeKey = makeKey();
});
afterEach(() => harness.close());

async function join(token: string): Promise<{ readonly chain: string; readonly key: KeyObject }> {
  const { address } = harness;
  const roots = await fetchPinnedRoots(address, parseJoinToken(token).rootFingerprints);
  client = createIdentityClient({ ...address, roots });
  const key = makeKey();
  const { chain } = await client.attest({ evidence: { attestor: 'join-token', token }, key, nodeKey });
  return { chain, key };
}

const ways: readonly (readonly [string, (svid: Awaited<ReturnType<typeof join>>) => Promise<unknown>])[] = [
  ['renewal', ({ chain, key }) => client.renew({ chain, currentKey: key, key: makeKey() })],
  ['its node key', () => client.attest({ evidence: { attestor: 'node-key' }, key: makeKey(), nodeKey })],
];

test.each(ways)('evicted while a certificate is made for it, by %s', async (_means, ask) => {
  const svid = await join((await harness.token(w)).reveal());
  await ask(svid);
  let evicted: Promise<void> | undefined;
  during = () => {
    evicted ??= harness.nodes.evict(host());
  };
  const got = await ask(svid).then(
    () => 1,
    (reason: unknown) => {
      expect(String(reason)).toContain('evicted');
      return 0;
    },
  );
  figure('certificatesAfterEviction', got);
  expect(evicted).toBeDefined();
  await evicted;
  expect(got).toBe(0);
  expect(await harness.nodes.find(host())).toBeUndefined();
});

test.each(['before it is written', 'while it is written'])('evicted while its key is remembered: %s', async (when) => {
  const entries = new Map<string, Json>();
  const plain = createMemoryTable(entries);
  const registry = createNodeRegistry({
    nodes: {
      ...plain,
      async set(key, value, options) {
        if (when.startsWith('before')) await registry.evict('k');
        await plain.set(key, value, options);
        if (!when.startsWith('before')) await registry.evict('k');
      },
    } satisfies Table,
    evicted: createMemoryTable(),
    clock: systemClock,
  });
  await expect(registry.remember('k', w)).rejects.toThrow('evicted');
  expect(await registry.list()).toEqual([]);
});

test('a token of a Service that was deleted leaves no key that is known when it is applied again', async () => {
  const token = (await harness.token(w)).reveal();
  documents.delete(w);
  await expect(join(token)).rejects.toThrow('no document');
  expect(await harness.nodes.find(host())).toBeUndefined();
  documents.add(w);
  const evidence = { attestor: 'node-key' };
  await expect(client.attest({ evidence, key: makeKey(), nodeKey })).rejects.toThrow();
  // The token is what it was.
  await join(token);
});

test('a host that is known stays so while there are no documents, as at a start before they are read', async () => {
  await join((await harness.token(w)).reveal());
  documents.delete(w);
  const evidence = { attestor: 'node-key' };
  await expect(client.attest({ evidence, key: makeKey(), nodeKey })).rejects.toThrow('no document');
  documents.add(w);
  await client.attest({ evidence, key: makeKey(), nodeKey });
});
