// Waiting for the roots to change: who waits is answered in that moment, and holds nobody up meanwhile.
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import { awaitBundle } from '../../src/identity-api/await-bundle.ts';
import { createIdentityClient } from '../../src/identity-api/client.ts';
import type { Followed } from '../../src/identity-api/follow-routes.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { eventually } from '../support/eventually.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';
import { testRoot } from '../support/test-bundle.ts';

const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
let harness: IdentityHarness;
let ending: AbortController;

beforeEach(async () => {
  harness = await createIdentityHarness();
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort();
  await harness.close();
});

async function svid(of = harness) {
  const key = makeKey();
  const evidence = { attestor: 'join-token', token: (await of.token(spiffeId)).reveal() };
  const client = createIdentityClient({ ...of.address, roots: of.roots() });
  const reply = await client.attest({ evidence, key, nodeKey: makeKey() });
  return { chain: reply.chain, key, bundle: reply.bundle, sequence: reply.sequence ?? 0 };
}
type Own = Awaited<ReturnType<typeof svid>>;
const wait = (own: Own, after = own.sequence) =>
  awaitBundle({ ...harness.address, svid: own, after, signal: ending.signal });

async function addRoot(): Promise<void> {
  const { trustDomain, sequence, roots } = harness.bundle.value();
  const next = { trustDomain, sequence: sequence + 1, roots: [...roots, await testRoot()] };
  harness.bundle.set(createTrustBundle(next));
}
/** Whoever asked before has been heard. */
const heard = async (): Promise<void> => void (await svid());

it('is answered at once where the bundle is newer, and with an SVID the sequence comes too', async () => {
  const own = await svid();
  expect(own.sequence).toBe(harness.bundle.value().sequence);
  expect(await wait(own, own.sequence - 1)).toEqual({ sequence: own.sequence, bundle: harness.roots() });
});

it('is answered when the roots change, all who wait within a moment', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => svid()));
  let answered = 0;
  const waiting = all.map((own) => wait(own).finally(() => ++answered));
  await heard();
  expect(answered).toBe(0);
  await addRoot();
  const began = performance.now();
  const replies = await Promise.all(waiting);
  expect(performance.now() - began).toBeLessThan(1000);
  const expected = { sequence: harness.bundle.value().sequence, bundle: harness.roots() };
  for (const reply of replies) expect(reply).toEqual(expected);
});

it('waits for as long as it takes, without a place at the door', { timeout: 20_000 }, async () => {
  const own = await svid();
  let ended = false;
  const waiting = wait(own).finally(() => {
    ended = true;
  });
  // Longer than a request may wait at the door, and than one may take to arrive.
  const began = performance.now();
  await eventually('more than the door allows', () => (performance.now() - began > 6500 ? true : undefined), 15_000);
  expect(ended).toBe(false);
  await addRoot();
  expect((await waiting).sequence).toBe(own.sequence + 1);
});

it('is not for those who have no SVID of the trust domain', async () => {
  const other = await createIdentityHarness();
  try {
    const foreign = { ...(await svid(other)), bundle: harness.roots() };
    await expect(wait(foreign)).rejects.toMatchObject({ code: 'unauthenticated' });
  } finally {
    await other.close();
  }
  const status = await new Promise((resolve, reject) => {
    const { host, port } = harness.address;
    const outgoing = request({ host, port, path: '/v1/bundle/next?after=0', rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.on('error', reject).end();
  });
  expect(status).toBe(401);
});

it('is not for an evicted host, nor for a sequence that is none', async () => {
  const own = await svid();
  await expect(wait(own, Number.NaN)).rejects.toMatchObject({ code: 'invalid_argument' });
  const [known] = await harness.nodes.list();
  await harness.nodes.evict(known?.nodeKey ?? '');
  await expect(wait(own)).rejects.toMatchObject({ code: 'failed_precondition' });
});

it('ends at once for a host that this control plane evicts while it waits, and for no other', async () => {
  const own = await svid();
  const [known] = await harness.nodes.list();
  const other = await svid();
  const waiting = wait(own).catch((reason: unknown) => CellwallError.from(reason).code);
  const stays = wait(other);
  await heard();
  await harness.nodes.evict(known?.nodeKey ?? '');
  expect(await waiting).toBe('failed_precondition');
  await addRoot();
  expect((await stays).sequence).toBe(other.sequence + 1);
});

it('of one host a few wait at once, and those that end make room', async () => {
  const own = await svid();
  const first = new AbortController();
  const all = Array.from({ length: 4 }, () =>
    awaitBundle({ ...harness.address, svid: own, after: own.sequence, signal: first.signal }).catch(
      (reason) => CellwallError.from(reason).code,
    ),
  );
  await eventually('four wait', async () => {
    const ask = new AbortController();
    const asked = awaitBundle({ ...harness.address, svid: own, after: own.sequence, signal: ask.signal });
    const code = await Promise.race([
      asked.catch((reason) => CellwallError.from(reason).code),
      new Promise((resolve) => setTimeout(resolve, 500)),
    ]);
    ask.abort();
    return code === 'resource_exhausted' || undefined;
  });
  first.abort();
  expect(await Promise.all(all)).toEqual(['aborted', 'aborted', 'aborted', 'aborted']);
  const again = wait(own);
  await heard();
  await addRoot();
  expect((await again).sequence).toBe(own.sequence + 1);
});

it('a control plane that stops ends the wait', async () => {
  const own = await svid();
  const waiting = wait(own).catch((reason) => CellwallError.from(reason).code);
  await heard();
  await harness.close();
  expect(await waiting).toBe('unavailable');
});

it('what the control plane of a cell signed waits, and says nothing in the name of a host', async () => {
  const ofCell = new Set<string>();
  const none = (): (() => void) => () => undefined;
  const cells: Followed = {
    ...{ version: '1', bundle: harness.bundle, watch: none, opened: none, documents: () => undefined },
    ...{ bans: { news: () => new Map(), watch: none }, roots: async () => undefined, report: () => undefined },
    check: () => 'cell-1',
    refuse(chain) {
      if (chain.some(({ raw }) => ofCell.has(raw.toString('hex')))) throw new CellwallError('permission_denied', 'no');
    },
    mint: async () => '',
  };
  const at = await createIdentityHarness({ followed: cells });
  try {
    const own = await svid(at);
    const [host] = await at.nodes.list();
    const said = { roots: ['AAAAAAAAAAAA'] };
    const say = (after: number): Promise<unknown> =>
      awaitBundle({ ...at.address, svid: own, after, said, signal: ending.signal }).catch(() => undefined);
    const inUse = () => at.inUse(host?.nodeKey ?? '');
    ofCell.add(new X509Certificate(own.chain).raw.toString('hex'));
    const forged = say(own.sequence);
    await svid(at);
    expect(inUse()).toBe(undefined);
    // The control: signed here.
    ofCell.clear();
    const honest = say(own.sequence);
    expect(await eventually('it is heard', inUse)).toEqual(said);
    ending.abort();
    await Promise.all([forged, honest]);
  } finally {
    await at.close();
  }
});
