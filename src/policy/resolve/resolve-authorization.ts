// AuthorizationPolicy documents → what each service allows and denies.
import type { AuthorizationPolicy } from '../../model/documents/authorization-policy.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { cellSpiffePrefix, cellsSpiffePrefix } from '../../model/spiffe-id.ts';
import type { AuthorizationIr, CellDefaultIr, PrincipalIr, RuleIr } from '../authorization-ir.ts';
import type { PortKey } from '../ir.ts';
import { idlePrincipal } from './idle-principal.ts';
import { idleRules, type PlacedRule } from './idle-rules.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Problems } from './problems.ts';
import { checkOperations, resolveOperations } from './resolve-operation.ts';
import type { PortDraft } from './resolve-service.ts';
import { type AuthorizationContext, type RuleTarget, resolvePrincipals } from './resolve-source.ts';
import { targetedPorts } from './targeted-ports.ts';

type Parsed = ParsedDocument<AuthorizationPolicy>;

interface RuleLists {
  readonly deny: PlacedRule[];
  readonly allow: PlacedRule[];
  readonly shadowDeny: PlacedRule[];
  readonly shadowAllow: PlacedRule[];
  readonly enforced: Parsed[];
  readonly policies: DocumentKey[];
}

/** The authorization of any port. Every policy is examined once, in the order of the documents. */
export function resolveAuthorization(
  policies: readonly Parsed[],
  context: AuthorizationContext,
): (port: PortDraft) => AuthorizationIr {
  const byTarget = new Map<PortKey, RuleLists>();
  for (const parsed of policies) {
    const { metadata, spec } = parsed.document;
    if (metadata.cell !== undefined) context.names.cell(metadata.cell, parsed, ['metadata', 'cell']);
    const key = context.names.service(spec.target.service, metadata.cell, parsed, ['spec', 'target', 'service']);
    const target = key === undefined ? undefined : context.drafts.get(key);
    if (target === undefined) continue;
    const ports = targetedPorts(parsed, target, context.problems);
    const lists = ports.map(({ id }) => {
      const own = byTarget.get(id) ?? emptyLists();
      byTarget.set(id, own);
      own.policies.push(parsed.key);
      if (spec.mode === 'enforce') own.enforced.push(parsed);
      return own;
    });
    for (const index of spec.rules.keys()) {
      const rules = resolveRule(parsed, index, { target, ports }, context);
      for (const [at, rule] of rules.entries()) {
        if (rule !== undefined) lists[at]?.[listOf(spec)].push({ rule, document: parsed, index });
      }
    }
  }
  warnOf(byTarget, context.problems);
  return (port) => {
    const { enforced, ...lists } = byTarget.get(port.id) ?? emptyLists();
    const cellDefault = enforced.length === 0 ? cellDefaultOf(port, context.defaults) : undefined;
    return {
      fallback: port.mtls.mode === 'strict' || enforced.length > 0 ? 'deny' : 'allow',
      ...(port.mtls.mode === 'strict' && cellDefault !== undefined ? { cellDefault } : {}),
      policies: lists.policies,
      deny: lists.deny.map(({ rule }) => rule),
      allow: lists.allow.map(({ rule }) => rule),
      shadowDeny: lists.shadowDeny.map(({ rule }) => rule),
      shadowAllow: lists.shadowAllow.map(({ rule }) => rule),
    };
  };
}

function listOf({ mode, action }: AuthorizationPolicy['spec']): 'deny' | 'allow' | 'shadowDeny' | 'shadowAllow' {
  if (mode === 'enforce') return action;
  return action === 'allow' ? 'shadowAllow' : 'shadowDeny';
}

/** A rule that is idle at one of its ports but not at another decides something: it is not reported. */
function warnOf(byTarget: ReadonlyMap<PortKey, RuleLists>, problems: Problems): void {
  const name = ({ document, index }: Pick<PlacedRule, 'document' | 'index'>): string => `${document.key} ${index}`;
  const stands = new Map<string, number>();
  const idle = new Map<string, number>();
  const fewest = new Map<Parsed, number>();
  for (const { deny, allow, enforced } of byTarget.values()) {
    for (const placed of [...deny, ...allow]) stands.set(name(placed), (stands.get(name(placed)) ?? 0) + 1);
    for (const parsed of enforced) {
      fewest.set(parsed, Math.min(fewest.get(parsed) ?? enforced.length, enforced.length));
    }
  }
  for (const { deny, allow, enforced } of byTarget.values()) {
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

/** For each port the rule as it applies there; undefined if its operations are all for other ports. */
function resolveRule(
  parsed: Parsed,
  index: number,
  { target, ports }: RuleTarget,
  context: AuthorizationContext,
): readonly (RuleIr | undefined)[] {
  const { metadata, spec } = parsed.document;
  const rule = spec.rules[index];
  const place: FieldPath = ['spec', 'rules', index];
  const to = rule?.to;
  checkOperations(to ?? [], parsed, [...place, 'to'], { target, ports }, context.problems);
  const stands = ports.filter(({ port }) => to === undefined || to.some((one) => (one.port ?? port) === port));
  const principals: PrincipalIr[] = [];
  for (const [position, source] of (rule?.from ?? []).entries()) {
    const at = [...place, 'from', position];
    const found = resolvePrincipals(source, parsed, at, { target, ports: stands }, context);
    principals.push(...found);
    if (spec.action === 'deny') for (const one of found) refuseBreakGlass(one, parsed, at, context);
    const [principal] = found;
    if (principal === undefined || 'eachCell' in source) continue;
    const called = stands.map(({ id }) => id);
    const idle = idlePrincipal(principal, target, called, { ...context, trustDomain: context.defaults.trustDomain });
    if (idle !== undefined && (spec.action === 'allow' || idle.never)) {
      context.problems.warning(parsed, at, { code: 'matches-nobody', message: idle.message, hint: idle.hint });
    }
  }
  const common = {
    id: `${metadata.cell === undefined ? '' : `${metadata.cell}/`}${metadata.name}/${index}`,
    policy: parsed.key,
    source: parsed.locate(place),
    principals,
  };
  return ports.map((port) => {
    if (!stands.includes(port)) return undefined;
    const operations = resolveOperations(to ?? [], parsed, [...place, 'to'], { target, port }, context);
    return { ...common, operations };
  });
}

/** A wider deny rule does not apply to them anyway; one that names them is a contradiction. */
function refuseBreakGlass(
  principal: PrincipalIr,
  parsed: Parsed,
  place: FieldPath,
  { defaults, problems }: AuthorizationContext,
): void {
  if (principal.kind !== 'id' || !defaults.breakGlass.includes(principal.id)) return;
  problems.error(parsed, place, {
    code: 'denies-break-glass',
    message: `${principal.id} is a break-glass identity: no policy may deny it`,
    hint: "remove it here, or from the Mesh's spec.breakGlass",
  });
}
