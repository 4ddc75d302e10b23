// Anchors of foreign CAs: equal input gives equal bytes, after a restart and on every replica, so that Envoy sees no change.
import type { TrustDomain } from '../../model/spiffe-id.ts';
import { fromPem } from '../x509/pem.ts';
import { constrainCa } from './constrain.ts';

/**
 * PEM of a foreign CA's certificates → PEM of anchors that cannot vouch for URI SANs of the trust domain. Throws `invalid_argument` for
 * anything that is not a CA certificate.
 */
export type LegacyAnchors = (foreign: string) => string;

export function createLegacyAnchors(trustDomain: TrustDomain): LegacyAnchors {
  return (foreign) =>
    fromPem(foreign, 'CERTIFICATE')
      .map((der) => constrainCa(der, trustDomain))
      .join('');
}
