// Can this caller do this with that service, and what decides it: pure, in the order of docs/authorization.md. translate makes filters from
// the same IR; a property test compares the two on a real Envoy.

import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { cellsSpiffePrefix, trustDomainOf } from '../../model/spiffe-id.ts';
import type { AuthorizationIr, RuleIr } from '../authorization-ir.ts';
import type { MeshIr, PortIr } from '../ir.ts';
import { meantPort, notAPort } from '../ports.ts';
import { type Verdict, verdictOf } from '../verdict.ts';
import { type FilteredCall, matchPrincipal, matchRule, type RuleMatch } from './match.ts';
import { hasMethodInQuery, namesMethods } from './method-in-query.ts';
import { canonicalPath, hasDoubleEscapes, hasHiddenDots, hasParameters } from './path.ts';
import type { AccessRequest, Caller } from './request.ts';

/** Where the call was decided, in the order in which a proxy evaluates them. */
export type DecisionStage =
  | 'handshake'
  | 'banned'
  | 'path'
  | 'health'
  | 'break-glass'
  | 'deny-rule'
  | 'allow-rule'
  | 'default';

export interface Decision {
  readonly outcome: Verdict;
  readonly stage: DecisionStage;
  /** The rule that decided, at the stages `deny-rule` and `allow-rule`. */
  readonly rule?: RuleIr;
  readonly reason: string;
  /** The path that rules were matched against; absent on TCP and if the call did not get that far. */
  readonly path?: string;
  /** Every enforced rule that was evaluated, in order, up to the deciding one. */
  readonly considered: readonly ConsideredRule[];
  /** What shadow policies would have decided: for counting, never enforced. */
  readonly shadow: readonly RuleIr[];
}

/** One step of the evaluation: what it matched, or the first thing that kept it from matching. */
export interface ConsideredRule {
  readonly rule: RuleIr;
  readonly action: 'deny' | 'allow';
  readonly result: RuleMatch;
}

/** Throws `not_found` if the mesh has no such service or port, `invalid_argument` if it is unclear which port is meant. */
export function decide(mesh: MeshIr, request: AccessRequest): Decision {
  const service = askedPort(mesh, request);
  const refusal = refusedInHandshake(mesh, service, request.caller);
  if (refusal === undefined && isBanned(mesh, request.caller))
    return early('denied', 'banned', 'the identity is banned');
  if (service.protocol === 'tcp') {
    if (refusal !== undefined) return early('denied', 'handshake', refusal);
    return decideByRules(mesh, service, { caller: request.caller });
  }
  if (refusal !== undefined && !opensHealthChain(service, request.caller)) return early('denied', 'handshake', refusal);

  const method = request.grpc === undefined ? (request.method ?? 'GET') : 'POST';
  const canonical = canonicalPath(
    request.grpc === undefined ? (request.path ?? '/') : `/${request.grpc}`,
    service.escapedSlashes,
  );
  if (canonical.kind === 'rejected') return early('denied', 'path', canonical.reason);
  const { path } = canonical;
  if (isHealthProbe(service, method, canonical))
    return early('allowed', 'health', 'the health path is open to probes', path);
  if (refusal !== undefined)
    return early('denied', 'handshake', `${refusal}; only GET and HEAD of the health path pass, without a query`, path);
  if (hasHiddenDots(path)) {
    return early(
      'denied',
      'path',
      'the path holds a dot segment with a parameter or an escaped slash, as in "/..;x/" or "/..%2f"',
      path,
    );
  }
  if (deniesPaths(service)) {
    const odd = hasParameters(path)
      ? '";"'
      : hasDoubleEscapes(path)
        ? 'an escape that is escaped again ("%25…")'
        : undefined;
    if (odd !== undefined) {
      return early('denied', 'path', `the path holds ${odd} and a deny rule of the service names paths`, path);
    }
  }
  if (namesMethods(service) && hasMethodInQuery(canonical.query)) {
    const reason = 'the query names a method ("_method") and rules of the service name methods: frameworks take it';
    return early('denied', 'path', reason, path);
  }
  const grpc =
    request.grpc === undefined ? {} : { grpc: request.cellId === undefined ? {} : { cellId: request.cellId } };
  const callerCell = cellOf(mesh, request.caller);
  const call: FilteredCall = {
    caller: request.caller,
    http: { method, path, ...grpc },
    ...defined({ callerCell }),
  };
  return { ...decideByRules(mesh, service, call), path };
}

/** The port in question. Throws like `decide`. */
export function askedPort({ services }: Pick<MeshIr, 'services'>, { target, port }: AccessRequest): PortIr {
  const service = services.get(target);
  if (service === undefined) {
    throw new CellwallError('not_found', `no service "${target}"`, {
      hint: `known: ${[...services.keys()].slice(0, 20).join(', ')}`,
    });
  }
  if (service.external) {
    throw new CellwallError('invalid_argument', `"${target}" is outside of this mesh`, {
      hint: 'who may call it is decided there: ask its owner',
    });
  }
  const meant = meantPort(service.ports, port);
  if (meant !== undefined) return meant;
  const { message, hint } = notAPort(service, port);
  throw new CellwallError(port === undefined ? 'invalid_argument' : 'not_found', message, {
    hint: port === undefined ? `${hint}, as in ${target}:${service.ports[0]?.port}` : hint,
  });
}

/** The number of the cell that a caller is in, by its identity. */
function cellOf({ trustDomain, cells }: MeshIr, caller: Caller): number | undefined {
  const prefix = cellsSpiffePrefix(trustDomain);
  if (caller.kind !== 'id' || !caller.id.startsWith(prefix)) return undefined;
  const [name = '', ...rest] = caller.id.slice(prefix.length).split('/');
  return rest.length === 0 ? undefined : cells.get(name)?.id;
}

/** Why the caller does not pass the TLS handshake (or is turned away for lack of one); undefined if it does. */
function refusedInHandshake(mesh: MeshIr, service: PortIr, caller: Caller): string | undefined {
  if (caller.kind === 'id') {
    const domain = trustDomainOf(caller.id);
    if (domain === mesh.trustDomain || service.federated?.includes(domain) === true) return undefined;
    if (mesh.trustBundles?.has(domain) !== true)
      return `certificates of the trust domain ${domain} are not trusted here`;
    if (service.mtls.mode === 'permissive') return `a permissive service trusts no other trust domain, as ${domain}`;
    return `no allow rule of the service names identities of the trust domain ${domain}`;
  }
  if (service.mtls.mode === 'strict') return 'the service is strict: without an SVID there is no connection';
  if (caller.via === 'legacy' && service.mtls.legacyAuthority === undefined) {
    return 'the service accepts no legacy authority';
  }
  return undefined;
}

/** A ban of one host of several is not a matter of the identity: it is not looked at here. */
function isBanned({ banned }: MeshIr, caller: Caller): boolean {
  return caller.kind === 'id' && banned?.identities.includes(caller.id) === true;
}

/** A strict service with a health path answers plaintext, but only for that path. */
function opensHealthChain(service: PortIr, caller: Caller): boolean {
  return service.healthPath !== undefined && caller.kind === 'anonymous' && caller.via === 'plaintext';
}

/** Without a query: otherwise somebody who may not call at all could choose what the application does. */
function isHealthProbe(
  service: PortIr,
  method: string,
  { path, query }: { readonly path: string; readonly query?: string },
): boolean {
  return path === service.healthPath && query === undefined && (method === 'GET' || method === 'HEAD');
}

/** Servers disagree about what ";" in a path means, and how often to decode: that must not help to bypass a deny of a path. */
function deniesPaths({ authorization }: PortIr): boolean {
  return authorization.deny.some((rule) => rule.operations.some((operation) => operation.path !== undefined));
}

function decideByRules(mesh: MeshIr, { authorization }: PortIr, call: FilteredCall): Decision {
  const matching = (rules: readonly RuleIr[], action: 'allow' | 'deny'): readonly RuleIr[] =>
    rules.filter((rule) => matchRule(rule, call, action).kind === 'matched');
  const shadow = [...matching(authorization.shadowDeny, 'deny'), ...matching(authorization.shadowAllow, 'allow')];
  const considered: ConsideredRule[] = [];
  const { caller } = call;
  if (caller.kind === 'id' && mesh.breakGlass.includes(caller.id)) {
    const reason = 'a break-glass identity: no policy can lock it out';
    return { outcome: 'allowed', stage: 'break-glass', reason, considered, shadow };
  }
  for (const action of ['deny', 'allow'] as const) {
    for (const rule of authorization[action]) {
      const result = matchRule(rule, call, action);
      considered.push({ rule, action, result });
      if (result.kind === 'matched') {
        const stage = action === 'deny' ? 'deny-rule' : 'allow-rule';
        return {
          outcome: verdictOf(action),
          stage,
          rule,
          reason: `${action} rule ${rule.id} matches`,
          considered,
          shadow,
        };
      }
    }
  }
  return { ...byDefault(authorization, caller), stage: 'default', considered, shadow };
}

function byDefault(
  { fallback, cellDefault, allow }: AuthorizationIr,
  caller: Caller,
): { readonly outcome: Verdict; readonly reason: string } {
  if (fallback === 'allow') {
    return { outcome: 'allowed', reason: 'the service is permissive and no enforced policy targets it' };
  }
  if (cellDefault !== undefined && matchPrincipal(cellDefault, caller)) {
    return {
      outcome: 'allowed',
      reason: "no enforced policy targets it, and the mesh's default for its cells allows the caller",
    };
  }
  return {
    outcome: 'denied',
    reason:
      allow.length === 0
        ? 'no allow rule targets the service, and it denies by default'
        : 'no allow rule matches, and the service denies by default',
  };
}

function early(outcome: Decision['outcome'], stage: DecisionStage, reason: string, path?: string): Decision {
  return { outcome, stage, reason, considered: [], shadow: [], ...defined({ path }) };
}
