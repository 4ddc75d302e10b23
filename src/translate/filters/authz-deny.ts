// Deny rules, and the guards that hold whatever the documents say. Comes first: an enforced deny is final. A bare probe of the health path is
// outside of every deny rule, as anyone may have it without a certificate; callers' health checks use it.
import { create } from '@bufbuild/protobuf';
import { type Policy, PrincipalSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { methodInQueryPattern, namesMethods } from '../../policy/decide/method-in-query.ts';
import { doubleEscapesPattern, hiddenDotsPattern, parameters } from '../../policy/decide/path.ts';
import type { ServiceIr } from '../../policy/ir.ts';
import { peerIdHeader } from '../names.ts';
import { methodOverrides, pathOverrides } from '../override-headers.ts';
import { and, anyOperation, not, pathContains, pathMatches, queryMatches } from '../rbac/permissions.ts';
import { policiesOf, policy, rbac } from '../rbac/policies.ts';
import { everyone, type PrincipalContext } from '../rbac/principals.ts';
import { healthProbe } from './health-probe.ts';
import type { InboundFilter } from './inbound-filter.ts';

export const severalIdentitiesGuard = 'cellwall/guard/several-identities';
const pathParametersGuard = 'cellwall/guard/path-parameters';
const doubleEscapesGuard = 'cellwall/guard/double-escapes';
const hiddenDotsGuard = 'cellwall/guard/hidden-dots';
const methodInQueryGuard = 'cellwall/guard/method-in-query';
const overridesGuard = 'cellwall/guard/overrides';

export const authzDeny: InboundFilter = {
  name: 'authz-deny',
  statPrefix: 'authz_deny_',
  lists: ['deny', 'shadowDeny'],
  build(service, mesh) {
    const { authorization } = service;
    const context = { domain: mesh.trustDomain, cells: mesh.cells, mode: service.mtls.mode };
    const health = healthProbe(service);
    const exceptHealth = health === undefined ? undefined : not(health);
    const narrow = exceptHealth && ((permission: Parameters<typeof not>[0]) => and([permission, exceptHealth]));
    const guards = guardsOf(service, context);
    const rules = rbac('deny', guards, policiesOf('deny', authorization.deny, context, narrow, mesh.breakGlass));
    if (authorization.shadowDeny.length === 0) return { rules };
    return {
      rules,
      shadowRules: rbac('deny', policiesOf('deny', authorization.shadowDeny, context, narrow, mesh.breakGlass)),
    };
  },
};

function guardsOf(service: ServiceIr, context: PrincipalContext): ReadonlyMap<string, Policy> {
  const guards = new Map<string, Policy>();
  // TCP has no header to look at. There, and with one trust domain, a second URI SAN can come from nobody: our CA signs
  // one only, and a legacy anchor excludes the trust domain from every URI SAN.
  if (service.protocol === 'tcp') return guards;
  // The SPIFFE validator takes the trust domain of the first URI SAN, `mtls_authenticated` matches any of them. The early
  // header mutation joins them with ",", which no SPIFFE ID contains.
  guards.set(severalIdentitiesGuard, policy([peerIdContains(',')], [anyOperation()]));
  // Servers that know parameters resolve "/..;x" as "/..", those that decode first "/..%2f": never let one through, whatever the rules say.
  guards.set(hiddenDotsGuard, policy([everyone(context)], [pathMatches(hiddenDotsPattern)]));
  // Servers disagree about what ";" in a path means and how often to decode: a deny of a path must not be escaped by that.
  if (service.authorization.deny.some((rule) => rule.operations.some(({ path }) => path !== undefined))) {
    guards.set(pathParametersGuard, policy([everyone(context)], parameters.map(pathContains)));
    guards.set(doubleEscapesGuard, policy([everyone(context)], [pathMatches(doubleEscapesPattern)]));
  }
  const overrides = overridesOf(service);
  if (namesMethods(service)) {
    guards.set(methodInQueryGuard, policy([everyone(context)], [queryMatches(methodInQueryPattern)]));
  }
  if (overrides.length > 0) guards.set(overridesGuard, policy(overrides.map(hasHeader), [anyOperation()]));
  return guards;
}

/** Of what the rules speak of; other spellings were removed before. A gRPC server knows its methods by the path alone. */
function overridesOf(service: ServiceIr): readonly string[] {
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

function peerIdContains(text: string) {
  return create(PrincipalSchema, {
    identifier: {
      case: 'header',
      value: {
        name: peerIdHeader,
        headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'contains', value: text } } },
      },
    },
  });
}
