// Anchors of foreign CAs, stored: equal input gives equal bytes even after a restart, so that Envoy sees no change.
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import { ensureSecretFolder, writeSecretFile } from '../secret-file.ts';
import { fromPem } from '../x509/pem.ts';
import { constrainCa } from './constrain.ts';

/**
 * PEM of a foreign CA's certificates → PEM of anchors that cannot vouch for URI SANs of the trust domain. Throws `invalid_argument` for
 * anything that is not a CA certificate.
 */
export type LegacyAnchors = (foreign: string) => string;

/** `dir`: where they are stored; created with the first one. */
export function createLegacyAnchors(dir: string, trustDomain: TrustDomain): LegacyAnchors {
  return (foreign) => {
    ensureSecretFolder(dir);
    return fromPem(foreign, 'CERTIFICATE')
      .map((der) => {
        const digest = createHash('sha256').update(trustDomainUri(trustDomain)).update(new X509Certificate(der).raw);
        const file = join(dir, `${digest.digest('hex')}.pem`);
        if (!existsSync(file)) writeSecretFile(file, constrainCa(der, trustDomain), 0o644);
        return readFileSync(file, 'utf8');
      })
      .join('');
  };
}
