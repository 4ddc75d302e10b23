// What an identity may have issued, whatever is issued: nothing gets around this.
import { CellwallError } from '../lib/errors.ts';
import { type SpiffeId, type TrustDomain, trustDomainOf, trustDomainUri } from '../model/spiffe-id.ts';
import { followedCell } from './follower.ts';
import type { IssuancePolicy } from './issuance-policy.ts';
import { isOperator, operatorPolicy } from './operator.ts';

export interface EntitledOptions {
  readonly trustDomain: TrustDomain;
  /** For a host, if it is bound to one. Undefined: nobody with that name, or not that host, may have a certificate. */
  readonly policy: (
    spiffeId: SpiffeId,
    nodeKey?: string,
  ) => IssuancePolicy | undefined | Promise<IssuancePolicy | undefined>;
  /** Throws for one that is banned. Absent: nobody is. */
  readonly refuse?: (bearer: { readonly spiffeId: SpiffeId; readonly nodeKey?: string | undefined }) => void;
}

/** Throws `permission_denied` for an identity of another trust domain, and one that is banned, reserved, or unknown to the policy. */
export type Entitled = (spiffeId: SpiffeId, nodeKey: string | undefined) => Promise<IssuancePolicy>;

/** Under `…/cellwall/` only operators and followers have identities, whatever the policy says. */
export function createEntitled({ trustDomain, policy, refuse = () => {} }: EntitledOptions): Entitled {
  const reserved = `${trustDomainUri(trustDomain)}/cellwall/`;
  return async (spiffeId, nodeKey) => {
    if (trustDomainOf(spiffeId) !== trustDomain) {
      throw new CellwallError('permission_denied', `${spiffeId} is of another trust domain than ${trustDomain}`);
    }
    refuse({ spiffeId, nodeKey });
    if (isOperator(spiffeId, trustDomain)) return operatorPolicy;
    if (spiffeId.startsWith(reserved) && followedCell(spiffeId, trustDomain) === undefined) {
      throw new CellwallError('permission_denied', `${spiffeId} is reserved for the control plane`, {
        hint: `identities under ${reserved} are never issued to workloads`,
      });
    }
    const found = await policy(spiffeId, nodeKey);
    if (found !== undefined) return found;
    throw new CellwallError('permission_denied', `no document gives ${spiffeId} an identity`, {
      hint: 'apply a Service or a Workload for it',
    });
  };
}
