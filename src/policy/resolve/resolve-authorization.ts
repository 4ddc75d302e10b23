// The rules of all policies of a service → what each of its ports allows and denies.
import type { AuthorizationPolicy } from '../../model/documents/authorization-policy.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { cellSpiffePrefix, cellsSpiffePrefix } from '../../model/spiffe-id.ts';
import type { AuthorizationIr, CellDefaultIr, RuleIr } from '../authorization-ir.ts';
import type { PortKey } from '../ir.ts';
import { idleRules, type PlacedRule } from './idle-rules.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Problems } from './problems.ts';
import type { PolicyDraft } from './resolve-policy.ts';
import type { PortDraft } from './resolve-service.ts';

type Parsed = ParsedDocument<AuthorizationPolicy>;

interface RuleLists {
  readonly deny: PlacedRule[];
  readonly allow: PlacedRule[];
  readonly shadowDeny: PlacedRule[];
  readonly shadowAllow: PlacedRule[];
  readonly enforced: Parsed[];
  readonly policies: DocumentKey[];
}

export interface AuthorizationDeps {
  readonly defaults: MeshDefaults;
  readonly problems: Problems;
}

/** Of one service's ports, by all policies that target it, in the order of the documents. */
export function resolveAuthorization(
  policies: readonly PolicyDraft[],
  { defaults, problems }: AuthorizationDeps,
): (port: PortDraft) => AuthorizationIr {
  const byPort = new Map<PortKey, RuleLists>();
  for (const { document, ports } of policies) {
    const { spec } = document.document;
    for (const [id, rules] of ports) {
      const own = byPort.get(id) ?? emptyLists();
      byPort.set(id, own);
      own.policies.push(document.key);
      if (spec.mode === 'enforce') own.enforced.push(document);
      own[listOf(spec)].push(...rules);
    }
  }
  warnOf(byPort, problems);
  return (port) => {
    const { enforced, ...lists } = byPort.get(port.id) ?? emptyLists();
    const cellDefault = enforced.length === 0 ? cellDefaultOf(port, defaults) : undefined;
    return {
      fallback: port.mtls.mode === 'strict' || enforced.length > 0 ? 'deny' : 'allow',
      ...(port.mtls.mode === 'strict' && cellDefault !== undefined ? { cellDefault } : {}),
      policies: lists.policies,
      deny: rulesOf(lists.deny),
      allow: rulesOf(lists.allow),
      shadowDeny: rulesOf(lists.shadowDeny),
      shadowAllow: rulesOf(lists.shadowAllow),
    };
  };
}

function rulesOf(placed: readonly PlacedRule[]): readonly RuleIr[] {
  return placed.map(({ rule }) => rule);
}

function listOf({ mode, action }: AuthorizationPolicy['spec']): 'deny' | 'allow' | 'shadowDeny' | 'shadowAllow' {
  if (mode === 'enforce') return action;
  return action === 'allow' ? 'shadowAllow' : 'shadowDeny';
}

/** A rule that is idle at one of its ports but not at another decides something: it is not reported. */
function warnOf(byPort: ReadonlyMap<PortKey, RuleLists>, problems: Problems): void {
  const name = ({ document, index }: Pick<PlacedRule, 'document' | 'index'>): string => `${document.key} ${index}`;
  const stands = new Map<string, number>();
  const idle = new Map<string, number>();
  const fewest = new Map<Parsed, number>();
  for (const { deny, allow, enforced } of byPort.values()) {
    for (const placed of [...deny, ...allow]) stands.set(name(placed), (stands.get(name(placed)) ?? 0) + 1);
    for (const parsed of enforced) {
      fewest.set(parsed, Math.min(fewest.get(parsed) ?? enforced.length, enforced.length));
    }
  }
  for (const { deny, allow, enforced } of byPort.values()) {
    for (const { details, ...placed } of idleRules(deny, allow)) {
      const found = (idle.get(`${name(placed)} ${details.code}`) ?? 0) + 1;
      idle.set(`${name(placed)} ${details.code}`, found);
      if (found === stands.get(name(placed))) {
        problems.warning(placed.document, ['spec', 'rules', placed.index], details);
      }
    }
    for (const parsed of enforced) {
      const count = fewest.get(parsed);
      if (count !== undefined) warnOfEmptyPolicy(parsed, count, problems);
      fewest.delete(parsed);
    }
  }
}

function emptyLists(): RuleLists {
  return { deny: [], allow: [], shadowDeny: [], shadowAllow: [], enforced: [], policies: [] };
}

/** An allow policy without rules by itself means "nobody", which may be a list that got lost; next to others it means nothing. */
function warnOfEmptyPolicy(parsed: Parsed, enforced: number, problems: Problems): void {
  const { action, rules } = parsed.document.spec;
  if (rules.length > 0) return;
  problems.warning(parsed, ['spec', 'rules'], {
    code: 'empty-policy',
    message:
      action === 'deny'
        ? 'a deny policy without rules denies nobody'
        : enforced === 1
          ? 'an allow policy without rules: nobody may call the service'
          : 'an allow policy without rules changes nothing if the service has other policies',
    hint:
      action === 'allow' && enforced === 1
        ? 'if that is intended, make it clear with a deny rule `from: [{everyone: true}]`; otherwise add rules'
        : 'add rules, or delete the policy',
  });
}

/** Only between cells and inside one: a caller or a service outside of cells has neither. */
function cellDefaultOf({ cell }: PortDraft, { trustDomain, authorization }: MeshDefaults): CellDefaultIr | undefined {
  if (cell === undefined) return undefined;
  const own = cellSpiffePrefix(trustDomain, cell.name);
  const all = cellsSpiffePrefix(trustDomain);
  const { withinCell, acrossCells } = authorization;
  if (acrossCells === 'allow') {
    return { kind: 'cells', prefix: all, ...(withinCell === 'allow' ? {} : { except: own }) };
  }
  return withinCell === 'allow' ? { kind: 'cells', prefix: own } : undefined;
}
