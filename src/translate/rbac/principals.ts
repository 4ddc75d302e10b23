// A rule's callers, as RBAC principals. Only `mtls_authenticated` distinguishes callers: never `authenticated` (without a name it is anyone
// with TLS), never a DNS SAN or subject; only a ban looks for another name, that of a host.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/rbac/v3/rbac.proto
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Principal, PrincipalSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { ConfigSchema } from '#gen/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.js';
import { SubjectAltNameMatcher_SanType } from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { StringMatcher } from '#gen/envoy/type/matcher/v3/string_pb.js';
import { defined } from '../../lib/defined.ts';
import { hostNameOid } from '../../lib/host-name.ts';
import { type SpiffeId, type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import type { PrincipalIr } from '../../policy/authorization-ir.ts';
import type { BannedIr, MeshIr, PortIr } from '../../policy/ir.ts';
import { peerIdHeader } from '../names.ts';
import { any } from '../wire/any.ts';
import { jwtClaims } from './jwt-claims.ts';

/** What decides how a caller is recognised. */
export interface PrincipalContext {
  readonly domain: TrustDomain;
  /** Foreign trust domains whose certificates the port accepts. */
  readonly federated: readonly TrustDomain[];
  readonly cells: MeshIr['cells'];
  readonly mode: PortIr['mtls']['mode'];
  readonly protocol: PortIr['protocol'];
  readonly action: 'allow' | 'deny';
}

export function principalContext(service: PortIr, mesh: MeshIr, action: 'allow' | 'deny'): PrincipalContext {
  const { trustDomain: domain, cells } = mesh;
  const { federated = [] } = service;
  return { domain, federated, cells, mode: service.mtls.mode, protocol: service.protocol, action };
}

/** Any of these; empty if the rule can match nobody, and is then left out. */
export function principals(of: readonly PrincipalIr[], context: PrincipalContext): Principal[] {
  return of.flatMap((one) => principal(one, context) ?? []);
}

/** Everyone who can reach the filter. */
export function everyone({ mode }: PrincipalContext): Principal {
  return mode === 'strict' ? authenticated() : create(PrincipalSchema, { identifier: { case: 'any', value: true } });
}

function principal(of: PrincipalIr, context: PrincipalContext): Principal | undefined {
  const own = `${trustDomainUri(context.domain)}/`;
  switch (of.kind) {
    case 'id':
      return isTrusted(of.id, context) ? callerIs({ case: 'exact', value: of.id }, context) : undefined;
    case 'prefix':
      return isTrusted(of.prefix, context) ? callerIs({ case: 'prefix', value: of.prefix }, context) : undefined;
    case 'with-token': {
      const caller = principal(of.caller, context);
      return caller === undefined ? undefined : and([caller, ...jwtClaims(of.token)]);
    }
    case 'anonymous':
      // Nobody is anonymous behind the SPIFFE validator.
      return context.mode === 'strict' ? undefined : not(authenticated({ case: 'prefix', value: own }));
    case 'jwt':
      return context.mode === 'strict'
        ? undefined
        : and([not(authenticated({ case: 'prefix', value: own })), ...jwtClaims(of)]);
    case 'everyone':
      return everyone(context);
    case 'cells':
      return of.except === undefined
        ? callerIs({ case: 'prefix', value: of.prefix }, context)
        : and([
            callerIs({ case: 'prefix', value: of.prefix }, context),
            not(authenticated({ case: 'prefix', value: of.except })),
          ]);
    default:
      return of satisfies never;
  }
}

/** An ID of a trust domain that the port does not trust can only come from a legacy certificate, which proves no identity: nobody. */
export function isTrusted(
  text: string,
  { domain, federated }: Pick<PrincipalContext, 'domain' | 'federated'>,
): boolean {
  return [domain, ...federated].some((one) => text.startsWith(`${trustDomainUri(one)}/`));
}

type CallerPattern = { readonly case: 'exact' | 'prefix'; readonly value: string };

/**
 * A verified identity, which Envoy reads anew out of the certificate for each rule that asks: 4 µs. Over HTTP the identity header
 * is asked before, which costs a twentieth: it holds what the certificate does, and whom it does not name, the certificate does not
 * name either. A deny is content with the ID anywhere in it, so that several in one certificate are all looked for.
 */
export function callerIs(uri: CallerPattern, { protocol, action }: PrincipalContext): Principal {
  if (protocol === 'tcp') return authenticated(uri);
  const inHeader = action === 'allow' ? uri : ({ case: 'contains', value: uri.value } as const);
  return and([peerIdHeaderIs(inHeader), authenticated(uri)]);
}

/** Of what the early mutation wrote: all URI SANs of the certificate, joined with ",". */
export function peerIdHeaderIs(matchPattern: StringMatcher['matchPattern']): Principal {
  return create(PrincipalSchema, {
    identifier: {
      case: 'header',
      value: { name: peerIdHeader, headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern } } },
    },
  });
}

/** A caller with a verified certificate whose URI name matches; without `uri`, any verified certificate. */
export function authenticated(uri?: StringMatcher['matchPattern']): Principal {
  return uri === undefined
    ? certificateIs({ anyValidatedClientCertificate: true })
    : sanIs(SubjectAltNameMatcher_SanType.URI, uri);
}

function sanIs(
  sanType: SubjectAltNameMatcher_SanType,
  matchPattern: StringMatcher['matchPattern'],
  oid?: string,
): Principal {
  return certificateIs({ sanMatcher: { sanType, matcher: { matchPattern }, ...defined({ oid }) } });
}

function certificateIs(config: MessageInitShape<typeof ConfigSchema>): Principal {
  return create(PrincipalSchema, {
    identifier: {
      case: 'custom',
      value: { name: 'envoy.rbac.principals.mtls_authenticated', typedConfig: any(ConfigSchema, config) },
    },
  });
}

/** An identity by its name in the certificate, a host by its own (lib/host-name.ts): the other hosts of its identity are not banned. */
export function bannedPrincipals({ identities, hosts }: BannedIr, context: PrincipalContext): Principal[] {
  return [
    ...identities.map((id) => callerIs({ case: 'exact', value: id }, context)),
    ...hosts.map((host) =>
      sanIs(SubjectAltNameMatcher_SanType.OTHER_NAME, { case: 'exact', value: host }, hostNameOid),
    ),
  ];
}

/** These, except for those whom no policy can lock out. */
export function exceptIds(who: readonly Principal[], ids: readonly SpiffeId[]): Principal[] {
  if (ids.length === 0) return [...who];
  const except = ids.map((id) => not(authenticated({ case: 'exact', value: id })));
  return who.map((one) => and([one, ...except]));
}

export function and(ids: readonly Principal[]): Principal {
  return create(PrincipalSchema, { identifier: { case: 'andIds', value: { ids: [...ids] } } });
}

export function not(value: Principal): Principal {
  return create(PrincipalSchema, { identifier: { case: 'notId', value } });
}
