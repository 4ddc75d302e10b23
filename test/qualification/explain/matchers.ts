// Which parts of the policy language a decision went through, so that a run can show that it used all of them.
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import type { Decision } from '../../../src/policy/decide.ts';
import type { RuleIr } from '../../../src/policy/ir.ts';
import { matchPath, matchPrincipal, type RuleMatch } from '../../../src/policy/match.ts';
import { hasDotParameters } from '../../../src/policy/path.ts';
import type { Caller } from '../../../src/policy/request.ts';
import type { GeneratedMesh } from './random-documents.ts';
import type { GeneratedRequest } from './random-requests.ts';

export const matchers = [
  'from service',
  'from eachCell',
  'from authenticated',
  'from cell',
  'from cell: same',
  'from spiffeId',
  'from prefix',
  'from trustDomain',
  'from anonymous',
  'from everyone',
  'to everything',
  'to methods',
  'to exact',
  'to prefix',
  'to template',
  'to grpc method',
  'to grpc wildcard',
  'to matching cell',
  'another cell refused',
  'deny rule',
  'allow rule',
  'default allow',
  'default deny',
  'default of cells',
  'break-glass',
  'handshake',
  'path',
  'path parameters',
  'dot parameters',
  'health',
  'shadow ignored',
  'caller plaintext',
  'caller one-way-tls',
  'caller legacy',
  'caller identity',
  'over http/1.1',
  'over h2',
  'over grpc',
  'over tcp',
] as const;
export type Matcher = (typeof matchers)[number];

export function matchersOf(
  mesh: GeneratedMesh,
  request: GeneratedRequest,
  caller: Caller,
  decision: Decision,
): Matcher[] {
  const { rule, shadow } = decision;
  const hit: Matcher[] = [
    stageOf(decision),
    request.caller.kind === 'id' ? 'caller identity' : `caller ${request.caller.via}`,
    request.grpc ? 'over grpc' : `over ${request.transport}`,
    ...(shadow.length > 0 ? (['shadow ignored'] as const) : []),
    ...(decision.outcome === 'deny' && decision.considered.some(({ result }) => isAnotherCell(result))
      ? (['another cell refused'] as const)
      : []),
  ];
  if (rule !== undefined) hit.push(...matchersOfRule(mesh, request, caller, rule, decision.path ?? ''));
  return hit;
}

function isAnotherCell(result: RuleMatch): boolean {
  return result.kind === 'unmatched' && result.by === 'cell';
}

function stageOf({ stage, outcome, path, reason }: Decision): Matcher {
  switch (stage) {
    case 'default':
      return reason.includes('default for its cells') ? 'default of cells' : `default ${outcome}`;
    case 'deny-rule':
      return 'deny rule';
    case 'allow-rule':
      return 'allow rule';
    case 'path':
      // Refused for its form by the connection manager, or by the guard once it had one.
      if (path === undefined) return 'path';
      return hasDotParameters(path) ? 'dot parameters' : 'path parameters';
    default:
      return stage;
  }
}

/** `eachCell` becomes one principal a cell. */
const servicesCalledAlpha = 2;

function matchersOfRule(
  mesh: GeneratedMesh,
  { method, target, cellId }: GeneratedRequest,
  caller: Caller,
  rule: RuleIr,
  path: string,
): Matcher[] {
  const written = mesh.services.find(({ key }) => key === target)?.rules.find(({ id }) => id === rule.id);
  if (written === undefined) throw new Error(`no rule ${rule.id} was generated`);
  const hit: Matcher[] = [];
  let index = 0;
  for (const { kind } of written.from) {
    const count = kind === 'eachCell' ? servicesCalledAlpha : 1;
    const principals = rule.principals.slice(index, index + count);
    index += count;
    if (principals.some((principal) => matchPrincipal(principal, caller))) hit.push(`from ${kind}`);
  }
  if (written.to.length === 0) hit.push('to everything');
  for (const [index, operation] of rule.operations.entries()) {
    const kinds = written.to[index]?.kinds ?? [];
    const rightPath = operation.path === undefined || matchPath(operation.path, path);
    const rightCell = operation.matchingCell === undefined || cellId !== undefined;
    if (rightPath && rightCell && (operation.methods?.includes(method) ?? true))
      hit.push(...kinds.map((kind): Matcher => `to ${kind}`));
  }
  return hit;
}

export function callerOf({ caller }: GeneratedRequest): Caller {
  return caller.kind === 'id' ? { kind: 'id', id: caller.id as SpiffeId } : caller;
}
