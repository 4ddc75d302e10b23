// Whether a rule matches everything that another one does. "Yes" is always right; "no" may be wrong for rules that cover a third together
// or in an unusual way: a warning must never be wrong, but may be missing.
import type { OperationIr, PathIr, PrincipalIr, RuleIr } from '../authorization-ir.ts';
import { matchPath, matchPrincipal } from './match.ts';

type Rule = Pick<RuleIr, 'principals' | 'operations'>;

/** Whether `wide` matches every call that `narrow` matches. False if that cannot be shown. */
export function covers(wide: Rule, narrow: Rule): boolean {
  return (
    narrow.principals.every((one) => wide.principals.some((other) => coversPrincipal(other, one))) &&
    (wide.operations.length === 0 ||
      (narrow.operations.length > 0 &&
        narrow.operations.every((one) => wide.operations.some((other) => coversOperation(other, one)))))
  );
}

function coversPrincipal(wide: PrincipalIr, narrow: PrincipalIr): boolean {
  if (wide.kind === 'everyone') return true;
  if (wide.kind === 'anonymous') return narrow.kind === 'anonymous' || narrow.kind === 'jwt';
  if (narrow.kind === 'with-token') {
    // Without its token it is more; with another, something else.
    if (wide.kind !== 'with-token') return coversPrincipal(wide, narrow.caller);
    return coversPrincipal(wide.caller, narrow.caller) && JSON.stringify(wide.token) === JSON.stringify(narrow.token);
  }
  if (narrow.kind === 'id') return matchPrincipal(wide, narrow);
  if (wide.kind === 'prefix') {
    return (narrow.kind === 'prefix' || narrow.kind === 'cells') && narrow.prefix.startsWith(wide.prefix);
  }
  return JSON.stringify(wide) === JSON.stringify(narrow);
}

function coversOperation(wide: OperationIr, narrow: OperationIr): boolean {
  const { methods, matchingCell } = wide;
  if (matchingCell !== undefined && matchingCell.field !== narrow.matchingCell?.field) return false;
  if (methods !== undefined && !(narrow.methods?.every((method) => methods.includes(method)) ?? false)) return false;
  return wide.path === undefined || (narrow.path !== undefined && coversPath(wide.path, narrow.path));
}

function coversPath(wide: PathIr, narrow: PathIr): boolean {
  if (wide.kind === 'prefix') return coversByPrefix(wide.path, narrow);
  if (narrow.kind === 'exact') return matchPath(wide, narrow.path);
  if (wide.kind !== 'template' || narrow.kind !== 'template') return false;
  return (
    wide.segments.length === narrow.segments.length &&
    wide.segments.every((segment, index) => segment === null || segment === narrow.segments[index])
  );
}

function coversByPrefix(prefix: string, narrow: PathIr): boolean {
  if (prefix === '/') return true;
  if (narrow.kind !== 'template') return matchPath({ kind: 'prefix', path: prefix }, narrow.path);
  const wanted = prefix.slice(1).split('/');
  return wanted.every((segment, index) => segment === narrow.segments[index]);
}
