// Which parts of the policy language a decision went through, so that a run can show that it used all of them.
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import type { RuleIr } from '../../../src/policy/authorization-ir.ts';
import type { Decision } from '../../../src/policy/decide/decide.ts';
import { matchPathOf, matchPrincipal, type RuleMatch } from '../../../src/policy/decide/match.ts';
import { hasHiddenDots, hasParameters } from '../../../src/policy/decide/path.ts';
import type { Caller } from '../../../src/policy/decide/request.ts';
import { type GeneratedMesh, trustDomain } from './random-documents.ts';
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
  'from jwt',
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
  'default allowed',
  'default denied',
  'default of cells',
  'break-glass',
  'handshake',
  'path',
  'path parameters',
  'double escapes',
  'dot parameters',
  'health',
  'shadow ignored',
  'caller plaintext',
  'caller one-way-tls',
  'caller legacy',
  'caller identity',
  'foreign identity allowed',
  'foreign identity refused by rules',
  'foreign identity refused in the handshake',
  'identity with a token',
  'token by plaintext',
  'token by one-way-tls',
  'token by legacy',
  'token for another audience',
  'token of another issuer',
  'token without the claim',
  'token with a fault',
  'token missing',
  'identity and token',
  'identity without the token',
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
    ...foreignMatchersOf(request, decision),
    ...tokenMatchersOf(mesh, request, decision),
    ...(shadow.length > 0 ? (['shadow ignored'] as const) : []),
    ...(decision.outcome === 'denied' && decision.considered.some(({ result }) => isAnotherCell(result))
      ? (['another cell refused'] as const)
      : []),
  ];
  if (rule !== undefined) hit.push(...matchersOfRule(mesh, request, caller, rule, decision));
  return hit;
}

function foreignMatchersOf({ caller }: GeneratedRequest, { outcome, stage }: Decision): Matcher[] {
  if (caller.kind !== 'id' || caller.id.startsWith(`spiffe://${trustDomain}/`)) return [];
  if (stage === 'handshake') return ['foreign identity refused in the handshake'];
  return [outcome === 'allowed' ? 'foreign identity allowed' : 'foreign identity refused by rules'];
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
      if (hasHiddenDots(path)) return 'dot parameters';
      return hasParameters(path) ? 'path parameters' : 'double escapes';
    case 'banned':
      throw new Error('generated meshes have no bans');
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
  { stage, path = '' }: Decision,
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
    const rightPath =
      operation.path === undefined || matchPathOf(stage === 'deny-rule' ? 'deny' : 'allow', operation.path, path);
    const rightCell = operation.matchingCell === undefined || cellId !== undefined;
    if (rightPath && rightCell && (operation.methods?.includes(method) ?? true))
      hit.push(...kinds.map((kind): Matcher => `to ${kind}`));
  }
  return hit;
}

/** A token that takes its caller in, by its kind; one that does not, by why not: of each rule that asks for one. */
function tokenMatchersOf(
  mesh: GeneratedMesh,
  { target, caller: { token, ...caller } }: GeneratedRequest,
  { outcome, rule, stage, considered }: Decision,
): Matcher[] {
  if (caller.kind === 'id') {
    const both = rule?.principals.some(({ kind }) => kind === 'with-token') ? (['identity and token'] as const) : [];
    const lacks = considered.some(({ result }) => result.kind === 'unmatched' && result.by === 'token');
    const found = [...both, ...(lacks ? (['identity without the token'] as const) : [])];
    return token === undefined ? found : ['identity with a token', ...found];
  }
  const service = mesh.services.find(({ key }) => key === target);
  const wanted = service?.rules.flatMap(({ from }) => from.flatMap((source) => source.token ?? [])) ?? [];
  if (wanted.length === 0 || stage === 'handshake') return [];
  if (outcome === 'allowed') {
    const taken = token !== undefined && rule?.principals.some((principal) => principal.kind === 'jwt');
    return taken ? [`token by ${caller.via}`] : [];
  }
  if (token === undefined) return ['token missing'];
  if (token.fault !== undefined) return ['token with a fault'];
  const why = wanted.flatMap(({ issuer, audience, team }): Matcher[] => {
    if (issuer !== token.issuer) return ['token of another issuer'];
    if (!token.audiences.includes(audience)) return ['token for another audience'];
    return team !== undefined && team !== token.team ? ['token without the claim'] : [];
  });
  return [...new Set(why)];
}

/** A token that does not verify is none. */
export function callerOf({ caller }: GeneratedRequest): Caller {
  const { token, ...who } = caller;
  const known: Caller = who.kind === 'id' ? { kind: 'id', id: who.id as SpiffeId } : who;
  if (token === undefined || token.fault !== undefined) return known;
  const { issuer, audiences, team } = token;
  return { ...known, token: { issuer, audiences, claims: team === undefined ? {} : { team } } };
}
