// Whether one rule matches one call: the same checks that the filters made from the rule do on the proxy.

import type { OperationIr, PathIr, PrincipalIr, RuleIr, TokenIr } from '../authorization-ir.ts';
import { matchClaims } from '../claims.ts';
import { matchDenied, namesEscapes, readsOneWay } from './deny-path.ts';
import type { Caller, Token } from './request.ts';

/** A call as the authorization filter sees it; without `http` on TCP. */
export interface FilteredCall {
  readonly caller: Caller;
  readonly http?: { readonly method: string; readonly path: string; readonly grpc?: { readonly cellId?: string } };
  /** The number of the cell that the caller is in. */
  readonly callerCell?: number;
}

export type RuleMatch =
  | { readonly kind: 'matched' }
  /** The first of caller, token, path, method and cell (in the operation that came closest) that did not match. */
  | { readonly kind: 'unmatched'; readonly by: 'caller' | 'token' | 'path' | 'method' | 'cell' };

/**
 * A rule without operations matches every operation. `action` decides how paths are read: a deny rule matches every
 * reading of one.
 */
export function matchRule(rule: RuleIr, call: FilteredCall, action: 'allow' | 'deny'): RuleMatch {
  if (!rule.principals.some((principal) => matchPrincipal(principal, call.caller))) {
    const lacksToken = rule.principals.some(
      (one) => one.kind === 'with-token' && matchPrincipal(one.caller, call.caller),
    );
    return { kind: 'unmatched', by: lacksToken ? 'token' : 'caller' };
  }
  if (rule.operations.length === 0) return { kind: 'matched' };
  const results = rule.operations.map((operation) => matchOperation(operation, call, action));
  if (results.includes('matched')) return { kind: 'matched' };
  const closest = (['cell', 'method'] as const).find((result) => results.includes(result));
  return { kind: 'unmatched', by: closest ?? 'path' };
}

/** Of the caller, and of its token where one is asked for. A token alone counts only for callers without an SVID. */
export function matchPrincipal(principal: PrincipalIr, caller: Caller): boolean {
  switch (principal.kind) {
    case 'id':
      return caller.kind === 'id' && caller.id === principal.id;
    case 'prefix':
      return caller.kind === 'id' && caller.id.startsWith(principal.prefix);
    case 'with-token':
      return matchPrincipal(principal.caller, caller) && matchToken(principal.token, caller.token);
    case 'anonymous':
      return caller.kind === 'anonymous';
    case 'jwt':
      return caller.kind === 'anonymous' && matchToken(principal, caller.token);
    case 'everyone':
      return true;
    case 'cells':
      return (
        caller.kind === 'id' &&
        caller.id.startsWith(principal.prefix) &&
        !(principal.except !== undefined && caller.id.startsWith(principal.except))
      );
    default:
      return principal satisfies never;
  }
}

function matchToken({ issuer, audience, claims }: TokenIr, token: Token | 'any' | undefined): boolean {
  if (token === 'any' || token === undefined) return token === 'any';
  return token.issuer === issuer && token.audiences.includes(audience) && matchClaims(claims, token.claims);
}

/** A path mismatch outweighs a method mismatch: "method" means that the path was right, "cell" that both were. */
function matchOperation(
  operation: OperationIr,
  { http, callerCell }: FilteredCall,
  action: 'allow' | 'deny',
): 'matched' | 'cell' | 'method' | 'path' {
  const { methods, path, matchingCell } = operation;
  if (path !== undefined && (http === undefined || !matchPathOf(action, path, http.path))) return 'path';
  if (methods !== undefined && (http === undefined || !matchMethod(action, methods, http.method))) return 'method';
  if (matchingCell !== undefined && (callerCell === undefined || http?.grpc?.cellId !== String(callerCell)))
    return 'cell';
  return 'matched';
}

/** A deny rule matches in any letter case: not every server treats methods as case-sensitive. */
export function matchMethod(action: 'allow' | 'deny', methods: readonly string[], method: string): boolean {
  return methods.includes(action === 'deny' ? method.toUpperCase() : method);
}

/** A deny rule matches every reading of a path, an allow rule the path as it is. */
export function matchPathOf(action: 'allow' | 'deny', rule: PathIr, path: string): boolean {
  if (matchPath(rule, path)) return true;
  return action === 'deny' && !(readsOneWay(path) && !namesEscapes(rule)) && matchDenied(rule, path);
}

/** `path` is canonical (see path.ts) and without its query. Case-sensitive. */
export function matchPath(rule: PathIr, path: string): boolean {
  switch (rule.kind) {
    case 'exact':
      return path === rule.path;
    case 'prefix':
      return matchPrefix(rule.path, path);
    case 'template':
      return matchTemplate(rule.segments, path);
    default:
      return rule satisfies never;
  }
}

/** Ends at a segment: "/a" and "/a/" cover "/a/x"; "/a" covers itself; neither covers "/ab". */
function matchPrefix(prefix: string, path: string): boolean {
  return prefix.endsWith('/') ? path.startsWith(prefix) : path === prefix || path.startsWith(`${prefix}/`);
}

function matchTemplate(segments: readonly (string | null)[], path: string): boolean {
  const parts = path.slice(1).split('/');
  return (
    parts.length === segments.length &&
    segments.every((segment, index) => (segment === null ? parts[index] !== '' : segment === parts[index]))
  );
}
