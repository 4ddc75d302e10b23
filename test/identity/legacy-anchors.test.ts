// Foreign CAs as trust anchors that cannot vouch for us, the same bytes wherever they are made.
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createLegacyAnchors } from '../../src/identity/legacy/anchors.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { domainOf } from '../support/identity-harness.ts';
import { createTestCa } from '../support/test-ca.ts';

describe('a constrained foreign CA', () => {
  it('keeps name, key and end, excludes our trust domain, and is the same wherever it is made', async () => {
    const foreign = await createTestCa('legacy root');
    const make = () => createLegacyAnchors(domainOf('td1'))(foreign.root);
    const pem = make();
    expect(make()).toBe(pem);
    expect(createLegacyAnchors(domainOf('td2'))(foreign.root)).not.toBe(pem);
    const [original, constrained] = [new X509Certificate(foreign.root), new X509Certificate(pem)];
    expect(constrained.subject).toBe(original.subject);
    expect(constrained.publicKey.equals(original.publicKey)).toBe(true);
    expect(constrained.validTo).toBe(original.validTo);
    expect(constrained.issuer).not.toBe(original.subject);
    expect(fromPem(pem, 'CERTIFICATE')).toHaveLength(1);
    // NameConstraints, critical: excluded URI "td1" and ".td1".
    expect(constrained.raw.toString('hex')).toContain(
      '0603551d1e0101ff04133011a10f3005860374643130068604' + '2e746431',
    );
  });

  it('refuses a certificate that is no CA', async () => {
    const { certificate } = await (await createTestCa()).issue({ dns: ['a.example'] });
    expect(() => createLegacyAnchors(domainOf('td1'))(certificate)).toThrow(/not a CA/);
  });
});
