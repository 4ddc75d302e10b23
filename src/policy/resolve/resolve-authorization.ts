// AuthorizationPolicy documents → what each service allows and denies.
import type { AuthorizationPolicy, PolicySource } from '../../model/documents/authorization-policy.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { cellSpiffePrefix, cellsSpiffePrefix, trustDomainUri } from '../../model/spiffe-id.ts';
import type { AuthorizationIr, CellDefaultIr, IdentitiesIr, PrincipalIr, RuleIr, ServiceKey } from '../ir.ts';
import type { GrpcDescriptors } from './grpc-descriptors.ts';
import { idlePrincipal } from './idle-principal.ts';
import { type PlacedRule, warnOfIdleRules } from './idle-rules.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';
import { resolveJwtSource } from './resolve-jwt.ts';
import type { MeshDefaults } from './resolve-mesh.ts';
import { resolveOperations } from './resolve-operation.ts';
import type { ServiceDraft } from './resolve-service.ts';

export interface AuthorizationContext {
  readonly defaults: MeshDefaults;
  readonly names: Names;
  readonly problems: Problems;
  readonly drafts: ReadonlyMap<ServiceKey, ServiceDraft>;
  readonly descriptors: (target: ServiceKey) => GrpcDescriptors | undefined;
  /** Every identity that the documents give to someone. */
  readonly identities: IdentitiesIr;
}

type Parsed = ParsedDocument<AuthorizationPolicy>;

interface RuleLists {
  readonly deny: PlacedRule[];
  readonly allow: PlacedRule[];
  readonly shadowDeny: PlacedRule[];
  readonly shadowAllow: PlacedRule[];
  readonly enforced: Parsed[];
  readonly policies: DocumentKey[];
}

/** The authorization of any service. Every policy is looked at once, in the order of the documents. */
export function resolveAuthorization(
  policies: readonly Parsed[],
  context: AuthorizationContext,
): (service: ServiceDraft) => AuthorizationIr {
  const byTarget = new Map<ServiceKey, RuleLists>();
  for (const parsed of policies) {
    const { metadata, spec } = parsed.document;
    if (metadata.cell !== undefined) context.names.cell(metadata.cell, parsed, ['metadata', 'cell']);
    const key = context.names.service(spec.target.service, metadata.cell, parsed, ['spec', 'target', 'service']);
    const target = key === undefined ? undefined : context.drafts.get(key);
    if (target === undefined) continue;
    const lists = byTarget.get(target.key) ?? emptyLists();
    byTarget.set(target.key, lists);
    lists.policies.push(parsed.key);
    const rules = spec.rules.map((_, index) => ({
      rule: resolveRule(parsed, index, target, context),
      document: parsed,
      index,
    }));
    if (spec.mode === 'enforce') {
      lists.enforced.push(parsed);
      lists[spec.action].push(...rules);
    } else {
      lists[spec.action === 'allow' ? 'shadowAllow' : 'shadowDeny'].push(...rules);
    }
  }
  for (const { deny, allow, enforced } of byTarget.values()) {
    warnOfIdleRules(deny, allow, context.problems);
    for (const parsed of enforced) warnOfEmptyPolicy(parsed, enforced.length, context.problems);
  }
  return (service) => {
    const { enforced, ...lists } = byTarget.get(service.key) ?? emptyLists();
    const cellDefault = enforced.length === 0 ? cellDefaultOf(service, context.defaults) : undefined;
    return {
      fallback: service.mtls.mode === 'strict' || enforced.length > 0 ? 'deny' : 'allow',
      ...(service.mtls.mode === 'strict' && cellDefault !== undefined ? { cellDefault } : {}),
      policies: lists.policies,
      deny: lists.deny.map(({ rule }) => rule),
      allow: lists.allow.map(({ rule }) => rule),
      shadowDeny: lists.shadowDeny.map(({ rule }) => rule),
      shadowAllow: lists.shadowAllow.map(({ rule }) => rule),
    };
  };
}

function emptyLists(): RuleLists {
  return { deny: [], allow: [], shadowDeny: [], shadowAllow: [], enforced: [], policies: [] };
}

/** An allow policy without rules alone says "nobody", which may be a list that got lost; beside others it says nothing. */
function warnOfEmptyPolicy(parsed: Parsed, enforced: number, problems: Problems): void {
  const { action, rules } = parsed.document.spec;
  if (rules.length > 0) return;
  problems.warning(parsed, ['spec', 'rules'], {
    code: 'empty-policy',
    message:
      action === 'deny'
        ? 'a deny policy without rules refuses nobody'
        : enforced === 1
          ? 'an allow policy without rules: nobody may call the service'
          : 'an allow policy without rules, beside other policies of the service, changes nothing',
    hint:
      action === 'allow' && enforced === 1
        ? 'if that is meant, a deny rule `from: [{everyone: true}]` says it to readers as well; else add rules'
        : 'add rules, or delete the policy',
  });
}

/** Only between cells and inside one: a caller or a service outside of cells is in neither. */
function cellDefaultOf(
  { cell }: ServiceDraft,
  { trustDomain, authorization }: MeshDefaults,
): CellDefaultIr | undefined {
  if (cell === undefined) return undefined;
  const own = cellSpiffePrefix(trustDomain, cell.name);
  const all = cellsSpiffePrefix(trustDomain);
  const { withinCell, acrossCells } = authorization;
  if (acrossCells === 'allow') {
    return { kind: 'cells', prefix: all, ...(withinCell === 'allow' ? {} : { except: own }) };
  }
  return withinCell === 'allow' ? { kind: 'cells', prefix: own } : undefined;
}

function resolveRule(parsed: Parsed, index: number, target: ServiceDraft, context: AuthorizationContext): RuleIr {
  const { metadata, spec } = parsed.document;
  const rule = spec.rules[index];
  const place: FieldPath = ['spec', 'rules', index];
  const principals: PrincipalIr[] = [];
  for (const [position, source] of (rule?.from ?? []).entries()) {
    const at = [...place, 'from', position];
    if ('eachCell' in source) {
      const found = resolveEachCell(source.eachCell, parsed, [...at, 'eachCell'], context);
      if (spec.action === 'deny') for (const one of found) refuseBreakGlass(one, parsed, at, context);
      principals.push(...found);
      continue;
    }
    const principal = resolveSource(source, parsed, at, target, context);
    if (principal === undefined) continue;
    principals.push(principal);
    if (spec.action === 'deny') refuseBreakGlass(principal, parsed, at, context);
    const idle = idlePrincipal(principal, target, { ...context, trustDomain: context.defaults.trustDomain });
    if (idle !== undefined && (spec.action === 'allow' || idle.never)) {
      context.problems.warning(parsed, at, { code: 'matches-nobody', message: idle.message, hint: idle.hint });
    }
  }
  return {
    id: `${metadata.cell === undefined ? '' : `${metadata.cell}/`}${metadata.name}/${index}`,
    policy: parsed.key,
    source: parsed.locate(place),
    principals,
    operations: resolveOperations(rule?.to ?? [], parsed, [...place, 'to'], target, context),
  };
}

/** The services of that name, one a cell; those to come are in when their documents are. */
function resolveEachCell(
  name: string,
  parsed: Parsed,
  place: FieldPath,
  { drafts, problems }: AuthorizationContext,
): PrincipalIr[] {
  const found = [...drafts.values()].filter((draft) => draft.name === name && draft.cell !== undefined);
  if (found.length === 0) {
    problems.warning(parsed, place, {
      code: 'matches-nobody',
      message: `no cell has a service "${name}"`,
      hint: 'write one, with the cell in its metadata',
    });
  }
  return found.map(({ spiffeId }) => ({ kind: 'id', id: spiffeId }));
}

/** A wider deny rule leaves them out by itself; one that names them is a contradiction. */
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

/** Undefined where the source names something that is not there: a problem then, so that no IR comes of it. */
function resolveSource(
  source: Exclude<PolicySource, { readonly eachCell: string }>,
  parsed: Parsed,
  place: FieldPath,
  target: ServiceDraft,
  { names, problems, drafts, defaults: { trustDomain, jwtIssuers } }: AuthorizationContext,
): PrincipalIr | undefined {
  const { metadata } = parsed.document;
  if ('service' in source) {
    const key = names.service(source.service, metadata.cell, parsed, [...place, 'service']);
    const caller = key === undefined ? undefined : drafts.get(key);
    return caller === undefined ? undefined : { kind: 'id', id: caller.spiffeId };
  }
  if ('cell' in source) {
    if (source.cell !== 'same') {
      const cell = names.cell(source.cell, parsed, [...place, 'cell']);
      return cell === undefined ? undefined : { kind: 'prefix', prefix: cellSpiffePrefix(trustDomain, cell.name) };
    }
    if (target.cell === undefined) {
      problems.error(parsed, [...place, 'cell'], {
        code: 'cell-same-without-cell',
        message: `"cell: same" says nothing here: ${target.key} is in no cell`,
        hint: 'name the cells, or the services',
      });
      return undefined;
    }
    return { kind: 'prefix', prefix: cellSpiffePrefix(trustDomain, target.cell.name) };
  }
  if ('spiffeId' in source) return { kind: 'id', id: source.spiffeId };
  if ('prefix' in source) return { kind: 'prefix', prefix: source.prefix };
  if ('trustDomain' in source) return { kind: 'prefix', prefix: `${trustDomainUri(source.trustDomain)}/` };
  if ('authenticated' in source) return { kind: 'prefix', prefix: `${trustDomainUri(trustDomain)}/` };
  if ('anonymous' in source) return { kind: 'anonymous' };
  if ('jwt' in source) {
    const { action } = parsed.document.spec;
    return resolveJwtSource(source, parsed, place, { issuers: jwtIssuers, target, action, problems });
  }
  if ('everyone' in source) return { kind: 'everyone' };
  return source satisfies never;
}
