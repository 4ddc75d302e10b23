// What would be decided about a recorded call. A record contains less than a request (of its path only what rules distinguished, no
// message): anything missing is assumed both ways, and if that gives two results the answer is unknown.

import { defined } from '../../lib/defined.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { OperationIr, PrincipalIr, RuleIr } from '../authorization-ir.ts';
import { type DecisionStage, decide } from '../decide/decide.ts';
import { matchMethod } from '../decide/match.ts';
import type { AccessRequest, Caller } from '../decide/request.ts';
import type { MeshIr, PortIr } from '../ir.ts';
import { allPorts } from '../ports.ts';
import type { Verdict } from '../verdict.ts';
import { matchRecorded } from './match-recorded.ts';
import type { RecordedCall } from './recorded-call.ts';
import { mayHoldEscapedSlashes, oddPath, type RecordedPath } from './recorded-path.ts';

/** `unknown`: what was not recorded would decide. `stage` and `rule` are absent then. */
export interface RecordedDecision {
  readonly outcome: Verdict | 'unknown';
  readonly stage?: DecisionStage;
  /** The rule that decides, by its id. */
  readonly rule?: string;
}

/** What a decision can depend on. */
export type RecordedCallKind = Pick<RecordedCall, 'caller' | 'principal' | 'method' | 'path'>;

/** For one port in one mesh. */
export type DecideRecorded = (call: RecordedCallKind) => RecordedDecision;

/** Whose tokens such principals ask for. */
const callersWithTokens: Partial<Record<PrincipalIr['kind'], Caller['kind']>> = {
  jwt: 'anonymous',
  'with-token': 'id',
};

/** A path that no document names. */
const witness = '/cellwall-simulated';
const unknown: RecordedDecision = { outcome: 'unknown' };

/** For the calls of one port. Remembers results by kind of call, so that many calls of the same kind cost little. */
export function createDecideRecorded(mesh: MeshIr, service: PortIr): DecideRecorded {
  const { authorization } = service;
  const rules = [...authorization.deny, ...authorization.allow];
  // Rules that look at more than who, method and path: at what no record contains.
  const tokensOf = new Set(
    rules.flatMap(({ principals }) => principals.flatMap(({ kind }) => callersWithTokens[kind] ?? [])),
  );
  const asksMore = rules.some(({ operations }) => operations.some((operation) => more(operation)));
  const rewritten = new Map<string, Rewritten>();
  const numbers = new Map<string, number>();
  const lists = new Map<readonly string[], number>();
  const nameOf = (path: RecordedPath): string => {
    if (path.kind !== 'shape') return path.kind === 'exact' ? path.path : '?';
    // One list for all calls of a service and time: compared by identity.
    const list = lists.get(path.among) ?? lists.size;
    lists.set(path.among, list);
    return `${list} ${path.matched.join(' ')}`;
  };
  const both = (path: RecordedPath, method: string | undefined): Rewritten => {
    const name = `${method} ${nameOf(path)}`;
    const known = rewritten.get(name);
    if (known !== undefined) return known;
    const worst = rewrite(mesh, service, { path, method }, { deny: true, allow: false });
    const best = rewrite(mesh, service, { path, method }, { deny: false, allow: true });
    // Equivalent rules, for a request that is read in the same way, decide the same: most paths of a service share one result.
    const text = JSON.stringify([rulesOf(worst), rulesOf(best), readAlike(service, path, method)]);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    const made = { worst, best, number };
    rewritten.set(name, made);
    return made;
  };
  const decideAnew = (call: RecordedCallKind, path: RecordedPath, { worst, best }: Rewritten): RecordedDecision => {
    const request = requestOf(service, call);
    const answer = tokensOf.has(request.caller.kind) ? answerEitherWay : answerOne;
    const bad = answer(worst, request);
    if (service.protocol === 'tcp' || (path.kind === 'exact' && !asksMore)) return bad;
    // Without a connection nothing in the request matters; a health path is never odd.
    if (path.kind === 'odd') return bad.stage === 'handshake' ? bad : unknown;
    const probe = path.kind === 'shape' && mayBeProbe(service, call.method, path);
    const good = probe ? { outcome: 'allowed' as const } : answer(best, request);
    return bad.outcome === good.outcome ? bad : unknown;
  };
  const decided = new Map<string, RecordedDecision>();
  return (call) => {
    if (service.rawPatches !== undefined && service.rawPatches.length > 0) return unknown;
    const path = readBy(service, call.path ?? oddPath);
    const narrowed = both(path, call.method);
    const name = `${narrowed.number} ${call.caller} ${call.principal ?? ''}`;
    const known = decided.get(name) ?? decideAnew(call, path, narrowed);
    decided.set(name, known);
    return known;
  };
}

interface Rewritten {
  readonly worst: MeshIr;
  readonly best: MeshIr;
  /** Equal for calls that are decided in the same way. */
  readonly number: number;
}

function rulesOf({ services }: MeshIr): readonly unknown[] {
  return allPorts({ services }).flatMap(({ authorization: { deny, allow } }) =>
    [deny, allow].map((rules) => rules.map(({ id, principals, operations }) => [id, principals, operations])),
  );
}

/** Everything about a path and a method that matters besides rules. */
function readAlike({ healthPath }: PortIr, path: RecordedPath, method: string | undefined): unknown {
  const verb = method === 'GET' || method === 'HEAD' || method === 'POST' ? method : '';
  if (path.kind !== 'exact') return [verb, path];
  const plain = path.path !== healthPath && !/[;%]/.test(path.path);
  return [verb, plain ? path.path.split('/').length : path.path];
}

/** Where escaped slashes are refused, a shape from a time when they were not says too little. */
function readBy({ escapedSlashes }: PortIr, path: RecordedPath): RecordedPath {
  const more = path.kind === 'shape' && path.among.includes(mayHoldEscapedSlashes);
  return more && escapedSlashes === 'reject' ? oddPath : path;
}

function requestOf(
  { key: target, port }: PortIr,
  { caller, principal, method, path }: RecordedCallKind,
): AccessRequest {
  return {
    target,
    port,
    // Written by the proxy's own log from a verified certificate.
    caller: caller === 'mtls' ? { kind: 'id', id: principal as SpiffeId } : { kind: 'anonymous', via: caller },
    ...defined({ method }),
    path: path?.kind === 'exact' ? path.path : witness,
  };
}

/** A record does not contain what a token said, nor whether there was one before rules asked for it. */
function answerEitherWay(mesh: MeshIr, request: AccessRequest): RecordedDecision {
  const { caller } = request;
  const without = answerOne(mesh, request);
  const best = answerOne(mesh, { ...request, caller: { ...caller, token: 'any' } });
  return best.outcome === without.outcome ? without : unknown;
}

function answerOne(mesh: MeshIr, request: AccessRequest): RecordedDecision {
  const { outcome, stage, rule } = decide(mesh, request);
  return rule === undefined ? { outcome, stage } : { outcome, stage, rule: rule.id };
}

function mayBeProbe({ healthPath }: PortIr, method: string | undefined, path: RecordedPath): boolean {
  if (healthPath === undefined || (method !== 'GET' && method !== 'HEAD')) return false;
  return matchRecorded({ kind: 'exact', path: healthPath }, path, 'allow') !== false;
}

/** The mesh with the service's rules as they are for this path: what is uncertain matches, or not, as assumed. */
function rewrite(
  mesh: MeshIr,
  service: PortIr,
  { path, method }: { readonly path: RecordedPath; readonly method: string | undefined },
  assume: { readonly deny: boolean; readonly allow: boolean },
): MeshIr {
  const narrow = (action: 'allow' | 'deny', rules: readonly RuleIr[], unsure: boolean): RuleIr[] =>
    rules.flatMap((rule) => {
      if (rule.operations.length === 0) return [rule];
      const operations = rule.operations.flatMap((operation): OperationIr[] => {
        const { methods } = operation;
        if (method !== undefined && methods !== undefined && !matchMethod(action, methods, method)) return [];
        const matches = operation.path === undefined ? true : matchRecorded(operation.path, path, action);
        if (matches === false || ((matches === undefined || more(operation)) && !unsure)) return [];
        return [{}];
      });
      return operations.length === 0 ? [] : [{ ...rule, operations }];
    });
  const { authorization } = service;
  const own: PortIr = {
    ...service,
    authorization: {
      ...authorization,
      deny: narrow('deny', authorization.deny, assume.deny),
      allow: narrow('allow', authorization.allow, assume.allow),
      shadowDeny: [],
      shadowAllow: [],
    },
  };
  const { key, source, name, spiffeId, mtls } = service;
  return { ...mesh, services: new Map([[key, { key, source, name, spiffeId, mtls, dependsOn: [], ports: [own] }]]) };
}

function more({ methods: _, path: __, ...rest }: OperationIr): boolean {
  return Object.keys(rest).length > 0;
}
