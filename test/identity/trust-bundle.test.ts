// The roots of a trust domain as one value: the same roots are the same value, in whatever form they come.
import { beforeAll, describe, expect, it } from 'vitest';
import { bundlePem, createTrustBundle, maxRoots } from '../../src/identity/trust-bundle.ts';
import { domainOf } from '../support/identity-harness.ts';
import { createTestCa } from '../support/test-ca.ts';

const trustDomain = domainOf('td1');
let [a, b, leaf] = ['', '', ''];

beforeAll(async () => {
  const ca = await createTestCa('a');
  a = ca.root;
  b = (await createTestCa('b')).root;
  leaf = (await ca.issue({ uri: 'spiffe://td1/x' })).certificate;
});

const of = (...roots: readonly string[]) => createTrustBundle({ trustDomain, sequence: 1, roots });

describe('a trust bundle', () => {
  it('has one certificate a string, each once, in one order', () => {
    const both = of(a, b);
    expect(both.roots).toHaveLength(2);
    for (const pem of both.roots) expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    expect(of(b, a)).toEqual(both);
    expect(of(`words\n${b}\r\n${a}`, a)).toEqual(both);
    expect(of(bundlePem(both))).toEqual(both);
  });

  it('cannot be changed', () => {
    const bundle = of(a);
    expect(Object.isFrozen(bundle) && Object.isFrozen(bundle.roots)).toBe(true);
  });

  it('is refused without a root, with too many, with what is not a CA, and with a sequence that does not count', () => {
    expect(() => of()).toThrow('one root at least');
    expect(() => of('')).toThrow('no "BEGIN CERTIFICATE" block');
    expect(() => of(a, leaf)).toThrow('not one of a CA');
    expect(() => of('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toThrow('cannot be read');
    for (const sequence of [0, -1, 1.5, Number.NaN]) {
      expect(() => createTrustBundle({ trustDomain, sequence, roots: [a] })).toThrow('not the sequence');
    }
  });

  it(`holds ${maxRoots} roots`, async () => {
    const many = await Promise.all(Array.from({ length: maxRoots + 1 }, (_, n) => createTestCa(`root ${n}`)));
    const roots = many.map(({ root }) => root);
    expect(of(...roots.slice(1)).roots).toHaveLength(maxRoots);
    expect(() => of(...roots)).toThrow(`${maxRoots} at most`);
  });
});
