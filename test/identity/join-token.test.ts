// Join tokens: one winner, bound to one identity and then to one key, expiring; nothing of them is stored but a hash.
import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttestationContext } from '../../src/identity/attestor/attestor.ts';
import { createJoinTokenAttestor } from '../../src/identity/attestor/join-token.ts';
import { createNodeKeyAttestor } from '../../src/identity/attestor/node-key.ts';
import { createNodeRegistry } from '../../src/identity/attestor/node-registry.ts';
import { formatJoinToken, parseJoinToken } from '../../src/identity/join-token.ts';
import { createTrustBundle, maxRoots, type TrustBundle } from '../../src/identity/trust-bundle.ts';
import { certificateFingerprint } from '../../src/identity/x509/fingerprint.ts';
import type { Json } from '../../src/lib/table.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { tokenEvidence } from '../../src/model/evidence.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { testBundle } from '../support/test-bundle.ts';
import { createTestCa } from '../support/test-ca.ts';

const spiffeId = idOf('spiffe://td1/service/api');
const one = await testBundle(1);

const part = 'a'.repeat(43);

function setUp(bundle = one) {
  const clock = createFakeClock();
  const entries = new Map<string, Json>();
  const nodes = createNodeRegistry({ nodes: createMemoryTable(), evicted: createMemoryTable(), clock });
  const table = createMemoryTable(entries);
  const tokens = createJoinTokenAttestor({ tokens: table, clock, bundle: createWatched(bundle) });
  const create = async (ttlMs = 60_000, uses = 1): Promise<string> =>
    (await tokens.createJoinToken({ spiffeId, ttlMs, uses })).token.reveal();
  const redeem = (token: unknown, nodeKey: string) => tokens.attest({ token }, by(nodeKey));
  return { clock, entries, nodes, tokens, create, redeem };
}

/** Of a CA that knows nothing of SPIFFE. */
async function foreignBundle(): Promise<TrustBundle> {
  const { root } = await createTestCa();
  return createTrustBundle({ trustDomain: domainOf('td1'), sequence: 1, roots: [root] });
}

const by = (nodeKey: string): AttestationContext => ({ nodeKey });

describe('a join token', () => {
  it('names the root, prints as redacted, and is stored as a hash only', async () => {
    const { tokens, entries } = setUp();
    const { token } = await tokens.createJoinToken({ spiffeId, ttlMs: 1000 });
    expect(`${token} ${JSON.stringify({ token })}`).not.toContain('cw1');
    const { secret, rootFingerprints } = parseJoinToken(token.reveal());
    expect(rootFingerprints).toEqual(one.roots.map((pem) => certificateFingerprint(new X509Certificate(pem).raw)));
    expect(token.reveal()).toMatch(/^[A-Za-z0-9._-]+$/);
    expect(JSON.stringify([...entries])).not.toContain(secret);
  });

  it('names all roots, and the trust domain where they are several or name none', async () => {
    for (const roots of [await testBundle(maxRoots), await foreignBundle()]) {
      const { create, redeem } = setUp(roots);
      const token = await create();
      expect(parseJoinToken(token)).toMatchObject({
        trustDomain: 'td1',
        rootFingerprints: roots.roots.map((pem) => certificateFingerprint(new X509Certificate(pem).raw)),
      });
      expect(await redeem(token, 'a')).toEqual(tokenEvidence(spiffeId));
    }
  });

  it('is read as it was written, whatever the trust domain is called', () => {
    const base64url = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('base64url'));
    const domain = fc.stringMatching(/^[a-z0-9._-]{1,255}$/).map(domainOf);
    const fingerprints = fc.array(base64url, { minLength: 1, maxLength: maxRoots });
    fc.assert(
      fc.property(base64url, domain, fingerprints, (secret, trustDomain, rootFingerprints) => {
        const token = { secret, rootFingerprints, trustDomain };
        expect(parseJoinToken(` ${formatJoinToken(token)}\n`)).toEqual(token);
        const plain = { secret, rootFingerprints: rootFingerprints.slice(0, 1) };
        expect(parseJoinToken(formatJoinToken(plain))).toEqual(plain);
      }),
    );
  });

  it('has one winner of a hundred who redeem it at once with keys of their own', async () => {
    const { create, redeem } = setUp();
    const token = await create();
    const results = await Promise.allSettled(Array.from({ length: 100 }, (_, index) => redeem(token, `key-${index}`)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'unauthenticated' });
    }
  });

  it('gives the same answer to the same key again, and none to another', async () => {
    const { create, redeem } = setUp();
    const token = await create();
    const first = await redeem(token, 'a');
    expect(first).toEqual(tokenEvidence(spiffeId));
    expect(await redeem(token, 'a')).toEqual(first);
    await expect(redeem(token, 'b')).rejects.toThrow(/another key/);
    expect(await redeem(token, 'a')).toEqual(first);
  });

  it('has as many winners as uses', async () => {
    const { create, redeem } = setUp();
    const token = await create(60_000, 3);
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => redeem(token, `key-${index}`)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  });

  it('expires, and what was redeemed returns with its node key alone', async () => {
    const { clock, create, redeem, nodes } = setUp();
    const [used, unused] = [await create(), await create()];
    await nodes.remember('a', spiffeId, await redeem(used, 'a'));
    clock.advance(60_000);
    await expect(redeem(used, 'a')).rejects.toThrow(/expired/);
    await expect(redeem(unused, 'b')).rejects.toThrow(/expired/);
    const again = createNodeKeyAttestor({ nodes, clock });
    expect(await again.attest({}, by('a'))).toEqual(tokenEvidence(spiffeId));
    await expect(again.attest({}, by('b'))).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await nodes.evictAll(spiffeId)).toEqual(['a']);
    await expect(again.attest({}, by('a'))).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it.each([
    [''],
    ['cw1'],
    [`cw1.${part}.${part}`],
    [`cw1.${part}.${part}.${part}`],
    [`cw2.${part}.${part}`],
    [`cw2.${part}.${Buffer.from('td 1').toString('base64url')}.${part}`],
    [`cw2.${part}.${Buffer.from('td1').toString('base64url')}.${`${part}.`.repeat(17)}${part}`],
    [7],
    [undefined],
    ['x'.repeat(100_000)],
  ])('is not %j, and the refusal does not quote it', async (text) => {
    const { redeem } = setUp();
    const refusal = await redeem(text, 'a').catch((reason: unknown) => String(reason));
    expect(refusal).toMatch(/CellwallError/);
    if (typeof text === 'string' && text.length > 3) expect(refusal).not.toContain(text);
  });

  it('lasts seven days at most', async () => {
    const { tokens } = setUp();
    for (const ttlMs of [0, -1, 1.5, Number.NaN, 8 * 86_400_000]) {
      await expect(tokens.createJoinToken({ spiffeId, ttlMs })).rejects.toMatchObject({ code: 'invalid_argument' });
    }
  });

  it('is listed without the token, with how often it was redeemed, until it ends', async () => {
    const { create, tokens, clock, redeem } = setUp();
    const token = await create(60_000, 3);
    await redeem(token, 'one');
    await redeem(token, 'two');
    await redeem(token, 'two');
    const [listed, ...more] = await tokens.list();
    expect(more).toEqual([]);
    expect(listed).toMatchObject({ spiffeId, uses: 3, used: 2, createdAt: clock.now() });
    expect(JSON.stringify(listed)).not.toContain(token.split('.')[1]);
    clock.advance(60_000);
    expect(await tokens.list()).toEqual([]);
  });

  it('that is revoked is redeemed by nobody any more, not even again, nor while it is being redeemed', async () => {
    const { create, tokens, redeem } = setUp();
    const token = await create(60_000, 3);
    await redeem(token, 'one');
    const [{ id } = { id: '' }] = await tokens.list();
    await expect(tokens.revoke(id.slice(1))).rejects.toMatchObject({ code: 'not_found' });
    const redeeming = redeem(token, 'two');
    expect(await tokens.revoke(id)).toMatchObject({ id, spiffeId });
    await redeeming.catch(() => undefined);
    for (const host of ['one', 'two', 'three']) {
      await expect(redeem(token, host), host).rejects.toMatchObject({ code: 'unauthenticated' });
    }
    expect(await tokens.list()).toEqual([]);
    await expect(tokens.revoke(id)).rejects.toMatchObject({ code: 'not_found' });
  });
});
