// Which foreign trust domains a port trusts: those that its enforced allow rules name. A port that names none refuses their certificates in
// the handshake, so that neither a TrustBundle nor a policy of another service lets anybody in.
import { type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import type { AuthorizationIr, PrincipalIr } from '../authorization-ir.ts';
import type { MtlsIr } from '../ir.ts';

/** Sorted. None for permissive ports: the validator that they need cannot bind roots to trust domains. */
export function federatedWith(
  { mode }: MtlsIr,
  { allow }: Pick<AuthorizationIr, 'allow'>,
  known: ReadonlyMap<TrustDomain, unknown>,
): readonly TrustDomain[] {
  if (known.size === 0 || mode !== 'strict') return [];
  const named = (principal: PrincipalIr, domain: TrustDomain): boolean => {
    if (principal.kind === 'with-token') return named(principal.caller, domain);
    const text = principal.kind === 'id' ? principal.id : principal.kind === 'prefix' ? principal.prefix : '';
    return text.startsWith(`${trustDomainUri(domain)}/`);
  };
  const principals = allow.flatMap((rule) => rule.principals);
  return [...known.keys()].filter((domain) => principals.some((one) => named(one, domain))).sort();
}
