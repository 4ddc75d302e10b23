// The SPIFFE bundle (SPIFFE Trust Domain and Bundle §4, X.509-SVID §6.1). What go-spiffe makes of it: test/system/trust-bundle.test.ts.
import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSpiffeBundle, newerSequence } from '../../src/identity/spiffe-bundle.ts';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import { domainOf } from '../support/identity-harness.ts';
import { bundleOf, rootOf } from '../support/trust-bundles.ts';

describe('the SPIFFE bundle', () => {
  it('has a key for each root: use, its type, exactly its certificate, and no kid', async () => {
    const bundle = await bundleOf(7, 'a', 'b');
    const { keys, ...rest } = JSON.parse(formatSpiffeBundle(bundle));
    expect(rest).toEqual({ spiffe_sequence: 7, spiffe_refresh_hint: 300 });
    expect(keys).toEqual(
      bundle.roots.map((pem) => {
        const { raw, publicKey } = new X509Certificate(pem);
        return { use: 'x509-svid', ...publicKey.export({ format: 'jwk' }), x5c: [raw.toString('base64')] };
      }),
    );
    expect(keys[0]).toMatchObject({ kty: 'EC', crv: 'P-256' });
    expect(keys[0]).not.toHaveProperty('kid');
    expect(keys[0]).not.toHaveProperty('d');
  });

  it('of the same roots is the same bytes, whatever order they came in', async () => {
    const [a, b] = [await rootOf('a'), await rootOf('b')];
    const of = (...roots: readonly string[]) =>
      formatSpiffeBundle(createTrustBundle({ trustDomain: domainOf('td1'), sequence: 1, roots }));
    expect(of(a, b)).toBe(of(b, a));
    expect(of(`# the root\r\n${a.replaceAll('\n', '\r\n')}`, b)).toBe(of(`${a}${b}`));
  });
});

describe('of what a place holds', () => {
  it('a later bundle is one with a higher sequence and a root of ours', async () => {
    const ours = await bundleOf(5, 'a', 'b');
    const of = async (sequence: number, ...names: string[]) =>
      newerSequence(formatSpiffeBundle(await bundleOf(sequence, ...names)), ours);
    expect(await of(6, 'b', 'c')).toBe(6);
    expect(await of(5, 'b', 'c')).toBeUndefined();
    expect(await of(4, 'b', 'c')).toBeUndefined();
    expect(await of(6, 'c')).toBeUndefined();
  });

  it('nothing throws, and what is no bundle is not later', async () => {
    const ours = await bundleOf(5, 'a');
    const x5c = [new X509Certificate(ours.roots[0] ?? '').raw.toString('base64')];
    const key = { use: 'x509-svid', x5c };
    const odd = [
      { keys: [key] },
      { keys: [key], spiffe_sequence: '6' },
      { keys: [key], spiffe_sequence: 1e300 },
      { keys: [key], spiffe_sequence: 6.5 },
      { keys: { 0: key }, spiffe_sequence: 6 },
      { keys: [{ ...key, use: 'jwt-svid' }], spiffe_sequence: 6 },
      { keys: [null, 7, { use: 'x509-svid', x5c: [7] }, { use: 'x509-svid', x5c: 'a' }], spiffe_sequence: 6 },
    ];
    for (const value of odd) expect(newerSequence(JSON.stringify(value), ours)).toBeUndefined();
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => newerSequence(text, ours) === undefined));
    // The control.
    expect(newerSequence(JSON.stringify({ keys: [null, key], spiffe_sequence: 6 }), ours)).toBe(6);
  });
});
