// Deny rules, and the guards that apply whatever the documents say. Comes first: an enforced deny is final. A bare probe of the health path
// is exempt from every deny rule, because anyone may make it without a certificate; callers' health checks use it.
import { create } from '@bufbuild/protobuf';
import { type Policy, PrincipalSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RegexMatcherSchema } from '#gen/envoy/type/matcher/v3/regex_pb.js';
import { defined } from '../../lib/defined.ts';
import { spiffeIdRegex } from '../../model/spiffe-id.ts';
import { methodInQueryPattern, namesMethods } from '../../policy/decide/method-in-query.ts';
import { doubleEscapesPattern, hiddenDotsPattern, parameters } from '../../policy/decide/path.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import { guards } from '../../policy/own-policies.ts';
import { methodOverrides, pathOverrides } from '../override-headers.ts';
import { lookUp } from '../rbac/look-up.ts';
import { and, anyOperation, not, pathContains, pathMatches, queryMatches } from '../rbac/permissions.ts';
import { policiesOf, policy, rbac } from '../rbac/policies.ts';
import {
  bannedPrincipals,
  everyone,
  not as notPrincipal,
  type PrincipalContext,
  peerIdHeaderIs,
  principalContext,
} from '../rbac/principals.ts';
import { authorization, authorizationMessages } from './authorization.ts';
import { healthProbe } from './health-probe.ts';
import type { InboundFilter } from './inbound-filter.ts';

export const authzDeny: InboundFilter = {
  name: 'authz-deny',
  slot: 'deny',
  appliesTo: 'all',
  messages: authorizationMessages,
  /** Allow rules by the look-up, which has to come before the filter that takes its result. */
  lists: ['deny', 'shadowDeny', 'allow'],
  build(service, mesh) {
    const { deny, shadowDeny } = service.authorization;
    const context = principalContext(service, mesh, 'deny');
    const health = healthProbe(service);
    const exceptHealth = health === undefined ? undefined : not(health);
    const narrow = exceptHealth && ((permission: Parameters<typeof not>[0]) => and([permission, exceptHealth]));
    const rules = rbac(
      'deny',
      guardsOf(service, mesh, context),
      policiesOf('deny', deny, context, narrow, mesh.breakGlass),
    );
    if (shadowDeny.length === 0) {
      return authorization('authz-deny', service, { rules, ...defined({ lookUp: lookUp(service)?.matcher }) });
    }
    return authorization('authz-deny', service, {
      rules,
      shadowRules: rbac('deny', policiesOf('deny', shadowDeny, context, narrow, mesh.breakGlass)),
    });
  },
};

function guardsOf(service: PortIr, { banned }: MeshIr, context: PrincipalContext): ReadonlyMap<string, Policy> {
  const found = new Map<string, Policy>();
  // Neither a health path nor break-glass is an exception.
  if (banned !== undefined) found.set(guards.banned, policy(bannedPrincipals(banned, context), [anyOperation()]));
  // TCP has no headers to check: where a foreign CA is trusted, a filter of its own comes first (inbound/one-identity.ts). Elsewhere a
  // second URI SAN cannot occur: our CA signs only one, and a legacy anchor excludes the trust domain from every URI SAN.
  if (service.protocol === 'tcp') return found;
  // The SPIFFE validator takes the trust domain of the first URI SAN, `mtls_authenticated` matches any of them. The early header mutation
  // joins them with ",", which no SPIFFE ID contains.
  const several = peerIdHeaderIs({ case: 'contains', value: ',' });
  // A foreign CA may sign anything that begins with its trust domain.
  const odd =
    context.federated.length === 0
      ? []
      : [
          notPrincipal(
            peerIdHeaderIs({ case: 'safeRegex', value: create(RegexMatcherSchema, { regex: spiffeIdRegex }) }),
          ),
        ];
  found.set(guards.severalIdentities, policy([several, ...odd], [anyOperation()]));
  // Servers that support path parameters resolve "/..;x" as "/..", those that decode first resolve "/..%2f": never let one through,
  // whatever the rules say.
  found.set(guards.hiddenDots, policy([everyone(context)], [pathMatches(hiddenDotsPattern)]));
  // Servers disagree about what ";" in a path means and how often to decode: that must not help to bypass a deny of a path.
  if (service.authorization.deny.some((rule) => rule.operations.some(({ path }) => path !== undefined))) {
    found.set(guards.pathParameters, policy([everyone(context)], parameters.map(pathContains)));
    found.set(guards.doubleEscapes, policy([everyone(context)], [pathMatches(doubleEscapesPattern)]));
  }
  const overrides = overridesOf(service);
  if (namesMethods(service)) {
    found.set(guards.methodInQuery, policy([everyone(context)], [queryMatches(methodInQueryPattern)]));
  }
  if (overrides.length > 0) found.set(guards.overrides, policy(overrides.map(hasHeader), [anyOperation()]));
  return found;
}

/** For what the rules mention; other spellings were removed before. A gRPC server distinguishes methods only by the path. */
function overridesOf(service: PortIr): readonly string[] {
  const { protocol, authorization } = service;
  if (protocol === 'grpc') return [];
  const operations = [...authorization.deny, ...authorization.allow].flatMap((rule) => rule.operations);
  return [
    ...(namesMethods(service) ? methodOverrides : []),
    ...(operations.some(({ path }) => path !== undefined) ? pathOverrides : []),
  ];
}

function hasHeader(name: string) {
  return create(PrincipalSchema, {
    identifier: { case: 'header', value: { name, headerMatchSpecifier: { case: 'presentMatch', value: true } } },
  });
}
