// Allow rules; whoever matches none is denied. "Allow everyone" (a permissive service that no policy targets) is an explicit policy: absent
// rules would allow everyone silently.
import type { Policy } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { lookedUpPolicy } from '../../lib/inbound-filters.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import { breakGlassPolicy, cellDefaultPolicy, fallbackPolicy, healthPolicy } from '../../policy/own-policies.ts';
import { lookedUp, lookUp } from '../rbac/look-up.ts';
import { anyOperation } from '../rbac/permissions.ts';
import { policiesOf, policy, rbac } from '../rbac/policies.ts';
import { everyone, type PrincipalContext, principalContext, principals } from '../rbac/principals.ts';
import { authorization, authorizationMessages } from './authorization.ts';
import { healthProbe } from './health-probe.ts';
import type { InboundFilter } from './inbound-filter.ts';

export const authzAllow: InboundFilter = {
  name: 'authz-allow',
  slot: 'allow',
  appliesTo: 'all',
  messages: authorizationMessages,
  lists: ['allow', 'shadowAllow'],
  build(service, mesh) {
    const { allow: allowRules, shadowAllow, fallback: otherwise, cellDefault } = service.authorization;
    const context = principalContext(service, mesh, 'allow');
    const health = healthPolicies(service, context);
    const found = lookUp(service);
    const allow = new Map(policiesOf('allow', found?.rest ?? allowRules, context));
    if (found !== undefined) allow.set(lookedUpPolicy, policy([lookedUp()], [anyOperation()]));
    const fallback = new Map<string, Policy>();
    if (otherwise === 'allow') fallback.set(fallbackPolicy, policy([everyone(context)], [anyOperation()]));
    if (cellDefault !== undefined) {
      fallback.set(cellDefaultPolicy, policy(principals([cellDefault], context), [anyOperation()]));
    }
    const breakGlass = breakGlassPolicies(mesh, context);
    const rules = rbac('allow', breakGlass, health, allow, fallback);
    if (shadowAllow.length === 0) return authorization('authz-allow', service, { rules });
    // An enforced allow policy would disable the fallback, so it is not part of what the shadow decides.
    return authorization('authz-allow', service, {
      rules,
      shadowRules: rbac('allow', breakGlass, health, allow, policiesOf('allow', shadowAllow, context)),
    });
  },
};

function breakGlassPolicies({ breakGlass }: MeshIr, context: PrincipalContext): ReadonlyMap<string, Policy> {
  if (breakGlass.length === 0) return new Map();
  const who = principals(
    breakGlass.map((id) => ({ kind: 'id', id })),
    context,
  );
  return new Map([[breakGlassPolicy, policy(who, [anyOperation()])]]);
}

function healthPolicies(service: PortIr, context: PrincipalContext): ReadonlyMap<string, Policy> {
  const health = healthProbe(service);
  if (health === undefined) return new Map();
  return new Map([[healthPolicy, policy([everyone(context)], [health])]]);
}
