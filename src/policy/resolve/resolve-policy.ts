// One AuthorizationPolicy document → its rules, as they stand at each port of the service that it targets.
import type { AuthorizationPolicy } from '../../model/documents/authorization-policy.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { PrincipalIr, RuleIr } from '../authorization-ir.ts';
import type { PortKey, ServiceKey } from '../ir.ts';
import { notAPort } from '../ports.ts';
import { idlePrincipal } from './idle-principal.ts';
import type { PlacedRule } from './idle-rules.ts';
import type { Problems } from './problems.ts';
import { checkOperations, resolveOperations } from './resolve-operation.ts';
import type { PortDraft, ServiceDraft } from './resolve-service.ts';
import { type AuthorizationContext, type RuleTarget, resolvePrincipals } from './resolve-source.ts';

type Parsed = ParsedDocument<AuthorizationPolicy>;

/** A policy whose references have been looked up. */
export interface PolicyDraft {
  readonly document: Parsed;
  readonly target: ServiceKey;
  /** Of each port that it is for, its rules there. */
  readonly ports: ReadonlyMap<PortKey, readonly PlacedRule[]>;
}

/** Undefined, with a problem, where there is no such service. */
export function resolvePolicy(parsed: Parsed, context: AuthorizationContext): PolicyDraft | undefined {
  const { metadata, spec } = parsed.document;
  if (metadata.cell !== undefined) context.names.cell(metadata.cell, parsed, ['metadata', 'cell']);
  const key = context.names.service(spec.target.service, metadata.cell, parsed, ['spec', 'target', 'service']);
  const target = key === undefined ? undefined : context.drafts.get(key);
  if (target === undefined) return undefined;
  const ports = targetedPorts(parsed, target, context.problems);
  const rules = [...spec.rules.keys()].map((index) => resolveRule(parsed, index, { target, ports }, context));
  const atPort = (at: number): readonly PlacedRule[] =>
    rules.flatMap((ofPorts, index) => {
      const rule = ofPorts[at];
      return rule === undefined ? [] : [{ rule, document: parsed, index }];
    });
  return { document: parsed, target: target.key, ports: new Map(ports.map(({ id }, at) => [id, atPort(at)])) };
}

/** Which ports of its target a policy is for: the one that it names, or all. Empty, with a problem, for a port that is not there. */
function targetedPorts(parsed: Parsed, target: ServiceDraft, problems: Problems): readonly PortDraft[] {
  const { port: name } = parsed.document.spec.target;
  if (name === undefined) return target.ports;
  const found = target.ports.filter(({ port }) => port === name);
  if (found.length === 0) problems.error(parsed, ['spec', 'target', 'port'], notAPort(target, name));
  return found;
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
    const idle = idlePrincipal(principal, target, called, { ...context, ...context.defaults });
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
