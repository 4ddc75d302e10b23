// Warns about a `from` that no caller can match: most likely a mistake, which otherwise would silently deny for ever.
import { serverSpiffeId, type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import type { PrincipalIr } from '../authorization-ir.ts';
import { someBeginsWith, workloadOf } from '../identities.ts';
import type { DependencyIr, IdentitiesIr, MeshIr, PortKey, ServiceKey } from '../ir.ts';
import type { ServiceDraft } from './resolve-service.ts';

/** Why no caller can match, and what to do about it. */
export interface IdlePrincipal {
  readonly message: string;
  readonly hint: string;
  /** Only the target's own document could change it; worth reporting for a deny rule, too. */
  readonly never: boolean;
}

/** What is known about possible callers. */
export interface IdleContext {
  readonly trustDomain: TrustDomain;
  readonly trustBundles: ReadonlyMap<TrustDomain, unknown>;
  readonly drafts: ReadonlyMap<ServiceKey, ServiceDraft>;
  readonly serviceOf: MeshIr['serviceOf'];
  readonly dependencies: ReadonlyMap<ServiceKey, readonly DependencyIr[]>;
  readonly identities: IdentitiesIr;
}

/** Why nobody who calls one of these ports of `target` is this principal; undefined if somebody is. */
export function idlePrincipal(
  principal: PrincipalIr,
  target: ServiceDraft,
  ports: readonly PortKey[],
  { trustDomain, trustBundles, drafts, serviceOf, dependencies, identities }: IdleContext,
): IdlePrincipal | undefined {
  const foreign = (text: string): IdlePrincipal | undefined => ofForeign(text, target, { trustDomain, trustBundles });
  switch (principal.kind) {
    case 'everyone':
    case 'cells':
      return undefined;
    case 'with-token':
      return idlePrincipal(principal.caller, target, ports, {
        trustDomain,
        trustBundles,
        drafts,
        serviceOf,
        dependencies,
        identities,
      });
    case 'anonymous':
    case 'jwt':
      return target.mtls.mode === 'permissive'
        ? undefined
        : {
            message: `${target.key} has no anonymous callers: it is strict`,
            hint: 'remove it, or make the service permissive',
            never: true,
          };
    case 'id': {
      if (!principal.id.startsWith(`${trustDomainUri(trustDomain)}/`)) return foreign(principal.id);
      if (principal.id === serverSpiffeId(trustDomain)) return undefined;
      if (workloadOf(identities, principal.id) === undefined) {
        return {
          message: `nobody has the identity ${principal.id}`,
          hint: 'write a Service or a Workload that has it',
          never: false,
        };
      }
      const key = serviceOf.get(principal.id);
      const caller = key === undefined ? undefined : drafts.get(key);
      if (caller === undefined || caller.key === target.key) return undefined;
      if (dependencies.get(caller.key)?.some(({ port }) => ports.includes(port))) return undefined;
      const [only] = ports.length === target.ports.length ? [] : ports;
      const port = target.ports.find(({ id }) => id === only)?.port;
      return {
        message: `${caller.key} does not depend on ${only ?? target.key}, so its proxy never calls it`,
        hint: `add \`{service: ${target.key}${port === undefined ? '' : `, port: ${port}`}, listen: <port>}\` to its dependsOn`,
        never: false,
      };
    }
    case 'prefix':
      if (!principal.prefix.startsWith(`${trustDomainUri(trustDomain)}/`)) return foreign(principal.prefix);
      return someBeginsWith(identities, principal.prefix)
        ? undefined
        : {
            message: `no identity begins with ${principal.prefix}`,
            hint: 'write a Service or a Workload that does',
            never: false,
          };
    default:
      return principal satisfies never;
  }
}

/** Who has an identity of another trust domain is known there alone: that it is trusted here suffices. */
function ofForeign(
  text: string,
  target: ServiceDraft,
  { trustDomain, trustBundles }: Pick<IdleContext, 'trustDomain' | 'trustBundles'>,
): IdlePrincipal | undefined {
  const known = [...trustBundles.keys()].some((domain) => text.startsWith(`${trustDomainUri(domain)}/`));
  if (!known) {
    return {
      message: `${text} is in another trust domain, which is not trusted here`,
      hint:
        `identities of this mesh begin with "${trustDomainUri(trustDomain)}/"; for a trust domain that is federated ` +
        'with this one write a TrustBundle (docs/federation.md)',
      never: true,
    };
  }
  if (target.mtls.mode === 'strict') return undefined;
  return {
    message: `${text} is in another trust domain, and ${target.key} is permissive: it trusts this mesh alone`,
    hint: 'make the service strict',
    never: true,
  };
}
