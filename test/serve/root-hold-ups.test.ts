// Who holds up a rotation, as several control planes find it together: one that does not say what it knows holds it up by its name, and a
// helper counts wherever it is heard.
import { beforeAll, expect, it } from 'vitest';
import type { OtherReplicas } from '../../src/admin/everywhere.ts';
import type { OwnFacts } from '../../src/control/own-hold-ups.ts';
import type { HoldUp } from '../../src/identity/roots/hold-up.ts';
import { advance, begin, firstRecord, type RootsRecord, rootName } from '../../src/identity/roots/roots-record.ts';
import type { RotationLook } from '../../src/identity/roots/rotate-root.ts';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import type { Json } from '../../src/lib/table.ts';
import { createRootHoldUps, type RootHoldUps, sharesRoots } from '../../src/serve/root-hold-ups.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf } from '../support/identity-harness.ts';
import { testRoot } from '../support/test-bundle.ts';

const clock = createFakeClock();
const nothing: RotationLook = { version: 0, holdUps: [], held: 0 };
const hostKey = 'ab'.repeat(32);
let [first, second] = ['', ''];
let record: RootsRecord;
beforeAll(async () => {
  [first, second] = [await testRoot(), await testRoot()];
  record = begin(firstRecord(first), { id: '0123456789abcdef', startedAt: 1, by: 'ann', quietMs: 0 });
  record = advance(record, { now: 1, successor: second });
});

interface Peer {
  readonly id: string;
  readonly alive?: boolean;
  readonly about?: { readonly [key: string]: Json };
  /** By kind of question. */
  readonly says?: (kind: string) => readonly Json[] | undefined;
}

/** `looks`: what it was told that the leading one found. */
function open(peers: readonly Peer[], given: Partial<OwnFacts> = {}) {
  const handlers = new Map<string, (question: Json) => readonly Json[] | Promise<readonly Json[]>>();
  const looks: RotationLook[] = [];
  let renewed = 0;
  const others: OtherReplicas = {
    id: 'a',
    list: () => [
      { id: 'a', alive: true, about: {} },
      ...peers.map(({ id, alive = true, about = { [sharesRoots]: true } }) => ({ id, alive, about })),
    ],
    ask: async (kind) =>
      new Map(
        peers.flatMap(({ id, says }) => {
          const answer = says?.(kind);
          return answer === undefined ? [] : [[id, answer] as const];
        }),
      ),
    answer: (kind, handle) => void handlers.set(kind, handle),
  };
  const holdUps: RootHoldUps = createRootHoldUps({
    others,
    record: () => record,
    own: async () => ({
      ...{ self: 'a', server: '', signer: '', proxies: [], publishers: [], callers: [], issuers: new Map(), now: 1 },
      bundle: createTrustBundle({ trustDomain: domainOf('td1'), sequence: 7, roots: [first, second] }),
      ...{ isAlive: () => true, secrets: () => [], inUse: () => undefined },
      ...given,
    }),
    shared: async (_record, elapsedMs) => ({
      ...{ issued: [], tokens: [], fetchedWithinMs: 0, now: 1, elapsedMs },
      ...{ inUse: () => undefined, refused: () => false, connected: () => true },
    }),
    shown: async () => [],
    renew: () => {
      renewed += 1;
    },
    onLook: (look) => void looks.push(look),
    clock,
  });
  const asked = (kind: string, question: Json) => handlers.get(kind)?.(question);
  return { holdUps, asked, looks, renewed: () => renewed };
}

const head = (): Json => ({ version: record.version, sequence: 9, more: 0 });
const says = (...more: Json[]) => ({ says: (kind: string) => (kind === 'root-hold-ups' ? [head(), ...more] : []) });
const found = async ({ holdUps }: { readonly holdUps: RootHoldUps }): Promise<readonly HoldUp[]> =>
  (await holdUps.gather(record, 0, nothing)).holdUps;

it('is held up by nobody once all others said so, and knows the highest sequence', async () => {
  const { holdUps } = open([{ id: 'b', ...says() }]);
  expect(await holdUps.gather(record, 0, nothing)).toMatchObject({ holdUps: [], more: 0, sequence: 9, waitedMs: 0 });
});

it('shows who holds it up elsewhere', async () => {
  const proxy = { kind: 'proxy', who: 'p', why: 'not yet' };
  expect(await found(open([{ id: 'b', ...says(proxy, 'nonsense') }]))).toEqual([proxy]);
  const many = open([{ id: 'b', says: () => [{ version: record.version, sequence: 1, more: 12 }] }]);
  expect((await many.holdUps.gather(record, 0, nothing)).more).toBe(12);
});

it.each<[string, Omit<Peer, 'id'>, RegExp]>([
  ['does not answer', {}, /does not answer/],
  ['is not heard any more', { alive: false }, /not heard any more/],
  ['is of an earlier version', { about: {}, ...says() }, /earlier version/],
  ['is behind', { says: () => [{ version: 1 }] }, /does not have the roots/],
])('is held up by another one that %s, by its name', async (_what, peer, why) => {
  expect(await found(open([{ id: 'b', ...peer }]))).toEqual([
    { kind: 'replica', who: 'b', why: expect.stringMatching(why) },
  ]);
});

it('refuses to begin with one that cannot take part', () => {
  expect(open([{ id: 'b', about: {} }, { id: 'c' }]).holdUps.unable()).toEqual(['b']);
  expect(open([{ id: 'b', about: {}, alive: false }]).holdUps.unable()).toEqual([]);
});

it('takes a helper for told wherever it is heard', async () => {
  const secret = {
    typeUrl: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
    name: 's',
    version: '1',
  } as const;
  const facts: Partial<OwnFacts> = {
    proxies: [{ node: 'p', state: 'connected', since: 0, run: 'r', holder: hostKey }],
    secrets: () => [{ ...secret, status: 'synced', resource: { ...secret, value: Buffer.from(first + second) } }],
  };
  const deaf = open([{ id: 'b', ...says() }], facts);
  expect(await found(deaf)).toMatchObject([{ kind: 'helper', who: 'p' }]);
  const heard = open([{ id: 'b', says: (kind) => (kind === 'root-heard' ? [hostKey] : [head()]) }], facts);
  expect(await found(heard)).toEqual([]);
});

it('answers only for hosts whose programs have what the phase needs', async () => {
  const roots = [rootName(first), rootName(second)];
  const heard = async (inUse: OwnFacts['inUse']) =>
    open([], { inUse: (key) => (key === hostKey ? inUse(key) : undefined) }).asked('root-heard', {
      keys: [hostKey, 'x'],
    });
  expect(await heard(() => ({ roots }))).toEqual([hostKey]);
  expect(await heard(() => ({ roots: roots.slice(1) }))).toEqual([]);
  // In `publish` nobody needs a certificate under the new root.
  expect(await heard(() => ({ roots, under: rootName(first) }))).toEqual([hostKey]);
});

it('answers with what it knows itself, for the same roots alone', async () => {
  const names = [rootName(first), rootName(second)];
  const { asked, looks, renewed } = open([], {
    proxies: [{ node: 'p', state: 'held', since: 0 }],
    inUse: (key) => (key === hostKey ? { roots: names } : undefined),
  });
  const look = { version: 3, holdUps: [{ kind: 'proxy', who: 'p', why: 'w', since: 5 }], held: 1 };
  expect(await asked('root-hold-ups', { version: record.version, look })).toEqual([
    { version: record.version, sequence: 7, more: 0 },
    { kind: 'proxy', who: 'p', why: expect.any(String) },
  ]);
  expect(looks).toEqual([look]);
  expect(await asked('root-hold-ups', { version: record.version + 1 })).toEqual([{ version: record.version }]);
  expect(await asked('root-heard', { keys: [hostKey, 'cd'] })).toEqual([hostKey]);
  // Nothing is on its way out yet.
  expect(renewed()).toBe(0);
});
