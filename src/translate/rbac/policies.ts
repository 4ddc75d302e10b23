// Rules as the policies of one RBAC message, in a fixed order: equal rules give equal bytes.
import { create } from '@bufbuild/protobuf';
import {
  type Permission,
  type Policy,
  PolicySchema,
  type Principal,
  type RBAC,
  RBAC_Action,
  RBACSchema,
} from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { RuleIr } from '../../policy/authorization-ir.ts';
import { cellPrincipals } from './cell-principals.ts';
import { permissions } from './permissions.ts';
import { exceptIds, type PrincipalContext, principals } from './principals.ts';

/** Name → policy. Names that begin with "cellwall/" or "!cellwall/" do not come from rules. */
export type Policies = ReadonlyMap<string, Policy>;

export function policy(who: readonly Principal[], what: readonly Permission[]): Policy {
  return create(PolicySchema, { principals: [...who], permissions: [...what] });
}

/** A rule that can match nobody is left out: a policy without principals is not valid. */
export function policiesOf(
  action: 'allow' | 'deny',
  rules: readonly RuleIr[],
  context: PrincipalContext,
  narrow: (permission: Permission) => Permission = (permission) => permission,
  /** Callers to whom the rules do not apply. */
  except: readonly SpiffeId[] = [],
): Policies {
  const policies = new Map<string, Policy>();
  for (const rule of rules) {
    const plain = rule.operations.filter(({ matchingCell }) => matchingCell === undefined);
    const who = exceptIds(principals(rule.principals, context), except);
    if (who.length > 0 && (plain.length > 0 || rule.operations.length === 0)) {
      policies.set(rule.id, policy(who, permissions(plain, action).map(narrow)));
    }
    for (const field of matchingFields(rule)) {
      const ofCells = cellPrincipals(rule.principals, field, context);
      const operations = rule.operations.filter(({ matchingCell }) => matchingCell?.field === field);
      if (ofCells.length === 0) continue;
      policies.set(matchingPolicyName(rule, field), policy(ofCells, permissions(operations, action).map(narrow)));
    }
  }
  return policies;
}

/** A policy combines any principal with any permission; pairing a caller with a request needs a separate policy. */
function matchingPolicyName({ id }: RuleIr, field: string): string {
  return `${id}/${field}`;
}

function matchingFields({ operations }: RuleIr): readonly string[] {
  return [...new Set(operations.flatMap(({ matchingCell }) => matchingCell?.field ?? []))].sort();
}

/** `rules` as the filter needs them: always present, even without policies (then ALLOW denies everything, DENY denies nothing). */
export function rbac(action: 'allow' | 'deny', ...parts: readonly Policies[]): RBAC {
  const entries = parts.flatMap((policies) => [...policies]);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return create(RBACSchema, {
    action: action === 'allow' ? RBAC_Action.ALLOW : RBAC_Action.DENY,
    policies: Object.fromEntries(entries),
  });
}
