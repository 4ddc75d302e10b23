// Operators' identities, `spiffe://<trust domain>/cellwall/operator/<name>`: for tools that inspect the control plane over mTLS. No
// document can grant one; a join token can, and creating those needs the admin API's token.
import { X509Certificate } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { type SpiffeId, type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';
import type { IssuancePolicy } from './issuance-policy.ts';
import { spiffeIdOf } from './x509/verify-svid.ts';

/** An operator's certificate lasts an hour. */
export const operatorPolicy: IssuancePolicy = { lifetimeMs: 60 * 60_000, dnsNames: [] };

/** By name only: the certificate must have been verified. */
export function isOperator(spiffeId: SpiffeId, trustDomain: TrustDomain): boolean {
  return spiffeId.startsWith(`${trustDomainUri(trustDomain)}/cellwall/operator/`);
}

const roles = ['viewer', 'editor', 'admin'] as const;

/**
 * What an operator's identity may do at the admin API: `…/operator/<role>/<name>`; one without a role may only read. Undefined if it is not
 * an operator's, or not in this form.
 */
export function operatorRole(spiffeId: SpiffeId, trustDomain: TrustDomain): (typeof roles)[number] | undefined {
  if (!isOperator(spiffeId, trustDomain)) return undefined;
  const [, , first, second, ...more] = spiffeId.slice(trustDomainUri(trustDomain).length + 1).split('/');
  if (first === undefined || more.length > 0) return undefined;
  return second === undefined ? 'viewer' : roles.find((role) => role === first);
}

export interface OperatorCheckOptions {
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
}

/** Whose it is. Throws unless the leaf, from a chain that TLS verified, is an operator's and valid now. */
export function createOperatorCheck({
  trustDomain,
  clock,
}: OperatorCheckOptions): (certificate: Uint8Array | undefined) => SpiffeId {
  return (certificate) => {
    if (certificate === undefined) throw new CellwallError('unauthenticated', 'no client certificate');
    const spiffeId = spiffeIdOf(certificate, trustDomain);
    const { validFromDate, validToDate } = new X509Certificate(certificate);
    const now = clock.now();
    if (now < validFromDate.getTime() || now >= validToDate.getTime()) {
      throw new CellwallError('unauthenticated', `the certificate of ${spiffeId} is not valid at this time`);
    }
    if (isOperator(spiffeId, trustDomain)) return spiffeId;
    throw new CellwallError('permission_denied', `${spiffeId} is not an operator`, {
      hint: `this needs an SVID of ${trustDomainUri(trustDomain)}/cellwall/operator/<name>: cellwall token create, svid fetch`,
    });
  };
}
