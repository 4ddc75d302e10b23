// AuthorizationPolicy documents → what each service allows and denies.
import type { AuthorizationPolicy, PolicySource } from '../model/documents/authorization-policy.ts';
import type { FieldPath } from '../model/field-path.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import { cellSpiffePrefix, type SpiffeId, type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';
import { idlePrincipal } from './idle-principal.ts';
import type { AuthorizationIr, PrincipalIr, RuleIr, ServiceKey } from './ir.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';
import { resolveOperations } from './resolve-operation.ts';
import type { ServiceDraft } from './resolve-service.ts';

export interface AuthorizationContext {
  readonly trustDomain: TrustDomain;
  readonly names: Names;
  readonly problems: Problems;
  readonly drafts: ReadonlyMap<ServiceKey, ServiceDraft>;
  /** Every identity that the documents give to someone. */
  readonly identities: ReadonlySet<SpiffeId>;
}

interface RuleLists {
  readonly deny: RuleIr[];
  readonly allow: RuleIr[];
  readonly shadowDeny: RuleIr[];
  readonly shadowAllow: RuleIr[];
  enforced: boolean;
}

/** The authorization of any service. Every policy is looked at once, in the order of the documents. */
export function resolveAuthorization(
  policies: readonly ParsedDocument<AuthorizationPolicy>[],
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
    const rules = spec.rules.map((_, index) => resolveRule(parsed, index, target, context));
    if (spec.mode === 'enforce') {
      lists.enforced = true;
      lists[spec.action].push(...rules);
    } else {
      lists[spec.action === 'allow' ? 'shadowAllow' : 'shadowDeny'].push(...rules);
    }
    if (spec.rules.length === 0 && spec.action === 'deny') {
      context.problems.warning(parsed, ['spec', 'rules'], {
        code: 'empty-policy',
        message: 'a deny policy without rules refuses nobody',
        hint: 'add rules, or delete the policy',
      });
    }
  }
  return ({ key, mtls }) => {
    const { enforced, ...lists } = byTarget.get(key) ?? emptyLists();
    return { fallback: mtls.mode === 'strict' || enforced ? 'deny' : 'allow', ...lists };
  };
}

function emptyLists(): RuleLists {
  return { deny: [], allow: [], shadowDeny: [], shadowAllow: [], enforced: false };
}

function resolveRule(
  parsed: ParsedDocument<AuthorizationPolicy>,
  index: number,
  target: ServiceDraft,
  context: AuthorizationContext,
): RuleIr {
  const { metadata, spec } = parsed.document;
  const rule = spec.rules[index];
  const place: FieldPath = ['spec', 'rules', index];
  const principals: PrincipalIr[] = [];
  for (const [position, source] of (rule?.from ?? []).entries()) {
    const at = [...place, 'from', position];
    const principal = resolveSource(source, parsed, at, target, context);
    if (principal === undefined) continue;
    principals.push(principal);
    const idle = idlePrincipal(principal, target, context);
    if (idle !== undefined && (spec.action === 'allow' || idle.never)) {
      context.problems.warning(parsed, at, { code: 'matches-nobody', message: idle.message, hint: idle.hint });
    }
  }
  return {
    id: `${metadata.cell === undefined ? '' : `${metadata.cell}/`}${metadata.name}/${index}`,
    policy: parsed.key,
    source: parsed.locate(place),
    principals,
    operations: resolveOperations(rule?.to ?? [], parsed, [...place, 'to'], target, context.problems),
  };
}

/** Undefined where the source names something that is not there: a problem then, so that no IR comes of it. */
function resolveSource(
  source: PolicySource,
  parsed: ParsedDocument<AuthorizationPolicy>,
  place: FieldPath,
  target: ServiceDraft,
  { names, problems, drafts, trustDomain }: AuthorizationContext,
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
  if ('anonymous' in source) return { kind: 'anonymous' };
  if ('everyone' in source) return { kind: 'everyone' };
  return source satisfies never;
}
