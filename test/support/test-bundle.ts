// Trust bundles of roots whose keys nobody has.
import { generateKeyPairSync } from 'node:crypto';
import { createCertificate, signingKeyOf } from '../../src/identity/ca/certificate.ts';
import { createTrustBundle, type TrustBundle } from '../../src/identity/trust-bundle.ts';
import { domainOf } from './identity-harness.ts';

/** A root that names `trustDomain`, PEM. */
export async function testRoot(trustDomain = 'td1'): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { pem } = createCertificate({
    ...{ signingKey: signingKeyOf(privateKey), publicKey, uri: `spiffe://${trustDomain}`, commonName: 'root' },
    ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000), ca: {} },
  });
  return pem;
}

/** `roots`: how many. */
export async function testBundle(roots = 1, sequence = 1): Promise<TrustBundle> {
  const made = await Promise.all(Array.from({ length: roots }, () => testRoot()));
  return createTrustBundle({ trustDomain: domainOf('td1'), sequence, roots: made });
}
