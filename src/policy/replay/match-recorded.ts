// Does a rule's path match what a record kept of a path? `undefined`: unknown. Pure.

import type { PathIr } from '../authorization-ir.ts';
import { namesEscapes } from '../decide/deny-path.ts';
import { matchPath, matchPathOf } from '../decide/match.ts';
import {
  denyRuleText,
  isDenyRuleText,
  mayHoldEscapedSlashes,
  parsePathRule,
  pathRuleText,
  type RecordedPath,
  readSeveralWays,
} from './recorded-path.ts';

/** `action`: whose rule it is, since a deny rule reads paths in more ways than an allow rule. */
export function matchRecorded(rule: PathIr, recorded: RecordedPath, action: 'allow' | 'deny'): boolean | undefined {
  if (recorded.kind === 'odd') return undefined;
  if (recorded.kind === 'exact') return matchPathOf(action, rule, recorded.path);
  if (action === 'allow') return matchAsItIs(rule, recorded);
  // It matches everything that the same rule would allow, and more only for paths with several readings.
  const asItIs = matchAsItIs(rule, recorded);
  if (asItIs !== false) return asItIs;
  const { matched, among } = recorded;
  if (among.includes(denyRuleText(rule))) return matched.includes(denyRuleText(rule));
  return matched.includes(readSeveralWays) || namesEscapes(rule) ? undefined : false;
}

function matchAsItIs(
  rule: PathIr,
  { matched, among }: Extract<RecordedPath, { readonly kind: 'shape' }>,
): boolean | undefined {
  const text = pathRuleText(rule);
  if (among.includes(text)) return matched.includes(text);
  for (const other of among) {
    if (other === mayHoldEscapedSlashes || isDenyRuleText(other)) continue;
    const known = parsePathRule(other);
    if (matched.includes(other)) {
      if (covers(rule, known)) return true;
      if (disjoint(rule, known)) return false;
    } else if (covers(known, rule)) {
      return false;
    }
  }
  return rule.kind === 'prefix' && rule.path === '/' ? true : undefined;
}

/** `outer` matches every path that `inner` matches. May miss some; never wrong. */
export function covers(outer: PathIr, inner: PathIr): boolean {
  if (inner.kind === 'exact') return matchPath(outer, inner.path);
  switch (outer.kind) {
    case 'exact':
      return false;
    case 'prefix':
      return matchPath(outer, inner.kind === 'prefix' ? inner.path : sample(inner.segments));
    case 'template':
      return (
        inner.kind === 'template' &&
        inner.segments.length === outer.segments.length &&
        outer.segments.every((segment, index) => segment === null || segment === inner.segments[index])
      );
    default:
      return outer satisfies never;
  }
}

/** No path matches both. May miss some; never wrong. */
export function disjoint(a: PathIr, b: PathIr): boolean {
  if (a.kind === 'exact') return !matchPath(b, a.path);
  if (b.kind === 'exact') return !matchPath(a, b.path);
  if (a.kind === 'prefix' && b.kind === 'prefix') return !covers(a, b) && !covers(b, a);
  if (a.kind === 'template' && b.kind === 'template') {
    return a.segments.length !== b.segments.length || !compatible(a.segments, b.segments);
  }
  const [prefix, template] = a.kind === 'prefix' ? [a, b] : [b, a];
  if (prefix.kind !== 'prefix' || template.kind !== 'template') return false;
  const segments = prefix.path === '/' ? [] : prefix.path.replace(/\/$/, '').slice(1).split('/');
  return segments.length > template.segments.length || !compatible(segments, template.segments);
}

function compatible(a: readonly (string | null)[], b: readonly (string | null)[]): boolean {
  return a.every((segment, index) => {
    const other = b[index];
    return segment === null || other === null || other === undefined || segment === other;
  });
}

/** A path of the template whose free segments match no prefix of a document: "{" is always escaped in a path. */
function sample(segments: readonly (string | null)[]): string {
  return `/${segments.map((segment) => segment ?? '{}').join('/')}`;
}
