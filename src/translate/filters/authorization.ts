// What the two rule filters have in common: rules in Envoy's form for HTTP, or for TCP.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { RBAC } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import type { Matcher } from '#gen/xds/type/matcher/v3/matcher_pb.js';
import { CellwallError } from '../../lib/errors.ts';
import { filterTraces, type InboundFilterName } from '../../lib/inbound-filters.ts';
import type { RuleIr } from '../../policy/authorization-ir.ts';
import type { PortIr } from '../../policy/ir.ts';
import { lookUpPrefix } from '../../policy/own-policies.ts';
import { any } from '../wire/any.ts';

export const authorizationMessages = { http: HttpRbacSchema, tcp: NetworkRbacSchema };

interface AuthorizationRules {
  readonly rules: RBAC;
  /** What would be decided if the shadow policies were enforced; absent if there are none. */
  readonly shadowRules?: RBAC;
  /** In their place, and never with them: what the allow filter looks at (rbac/look-up.ts). */
  readonly lookUp?: Matcher;
}

/** Throws `internal` for a TCP port with a rule that has operations: such a rule must not get this far. */
export function authorization(name: InboundFilterName, service: PortIr, rules: AuthorizationRules): Any {
  const { statPrefix } = filterTraces[name];
  return service.protocol === 'tcp' ? networkRbac(statPrefix, service, rules) : httpRbac(statPrefix, rules);
}

function httpRbac(statPrefix: string, { rules, shadowRules, lookUp }: AuthorizationRules): Any {
  return any(HttpRbacSchema, {
    rules,
    rulesStatPrefix: statPrefix,
    ...(shadowRules === undefined ? {} : { shadowRules, shadowRulesStatPrefix: statPrefix }),
    ...(lookUp === undefined ? {} : { shadowMatcher: lookUp, shadowRulesStatPrefix: lookUpPrefix }),
  });
}

/**
 * The network filter puts only the name of a *shadow* policy into metadata, so in the absence of shadow policies the enforced rules are
 * repeated as shadow rules, under their own prefix.
 */
function networkRbac(statPrefix: string, service: PortIr, { rules, shadowRules }: AuthorizationRules): Any {
  refuseOperations(service);
  return any(NetworkRbacSchema, {
    rules,
    statPrefix,
    shadowRules: shadowRules ?? rules,
    shadowRulesStatPrefix: shadowRules === undefined ? `${statPrefix}real_` : statPrefix,
  });
}

function refuseOperations({ id, authorization }: PortIr): void {
  const all: readonly RuleIr[] = [
    ...authorization.deny,
    ...authorization.allow,
    ...authorization.shadowDeny,
    ...authorization.shadowAllow,
  ];
  const wrong = all.find((rule) => rule.operations.length > 0);
  if (wrong === undefined) return;
  throw new CellwallError('internal', `rule ${wrong.id} has operations, which TCP service ${id} has not`, {
    hint: 'such a rule must be refused when documents are resolved',
  });
}
