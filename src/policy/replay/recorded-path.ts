// What a record of traffic keeps of a path: no more than the rules of its service distinguish. A path that a rule names, and a gRPC method,
// is kept as it is; of any other, which of the service's path rules it matched. Names of projects and people are not recorded.

import type { PathIr, RuleIr } from '../authorization-ir.ts';
import { readsOneWay } from '../decide/deny-path.ts';
import { matchPath, matchPathOf } from '../decide/match.ts';
import { hasDoubleEscapes, hasHiddenDots } from '../decide/path.ts';
import type { PortIr } from '../ir.ts';

export type RecordedPath =
  | { readonly kind: 'exact'; readonly path: string }
  /** It matched these of the service's path rules, in the notation of `pathRuleText`, and none of the others. */
  | { readonly kind: 'shape'; readonly matched: readonly string[]; readonly among: readonly string[] }
  /** Refused before rules, or with something that servers disagree about (";", double escapes): no rule alone decides it. */
  | { readonly kind: 'odd' };

/** Returns what to keep of a canonical path; nothing of its query. */
export type PathRecorder = (service: PortIr, path: string) => RecordedPath;

/** Among the rules of a shape: the path may contain escaped slashes. */
export const mayHoldEscapedSlashes = '%';
/** Among what a shape matched: servers may read it as other paths. */
export const readSeveralWays = '?';
/** The only value of its kind. */
export const oddPath: RecordedPath = { kind: 'odd' };
const odd = /;|%3b/i;
const escapedSlash = /%2f|%5c/i;
const grpcMethod = /^\/[A-Za-z0-9_.]{1,192}\/[A-Za-z0-9_]{1,64}$/;

/** Of all ports; those of which more are asked for are read again. */
const maxKept = 8192;
const maxKeptPath = 256;

/**
 * Matchers are made once a port, and kept for as long as its IR is in use. What was read lately is read once, and equal results are one
 * object, as far as there is room.
 */
export function createPathRecorder(): PathRecorder {
  const known = new WeakMap<PortIr, Matchers>();
  let kept = new WeakMap<PortIr, Kept>();
  let count = 0;
  const keptOf = (service: PortIr): Kept => {
    const before = kept.get(service) ?? { paths: new Map(), shapes: new Map() };
    kept.set(service, before);
    return before;
  };
  const keep = (of: Map<string, RecordedPath>, key: string, path: RecordedPath): void => {
    if (key.length > maxKeptPath) return;
    if (++count > maxKept) {
      kept = new WeakMap();
      count = 0;
    }
    // A copy: a part of a longer text would keep all of it.
    else of.set(Buffer.from(key).toString(), path);
  };
  return (service, target) => {
    // Of a query, only whether there is one matters.
    const query = target.indexOf('?');
    const key = query === -1 ? target : target.slice(0, query + 1);
    const { paths, shapes } = keptOf(service);
    const before = paths.get(key);
    if (before !== undefined) return before;
    let matchers = known.get(service);
    if (matchers === undefined) {
      matchers = matchersOf(service);
      known.set(service, matchers);
    }
    let path = record(service, matchers, key);
    if (path.kind === 'shape') {
      const shape = JSON.stringify(path.matched);
      const same = shapes.get(shape);
      if (same === undefined) keep(shapes, shape, path);
      else path = same;
    }
    keep(paths, key, path);
    return path;
  };
}

interface Kept {
  /** By their text, without the query, but with its "?". */
  readonly paths: Map<string, RecordedPath>;
  /** By what they matched. */
  readonly shapes: Map<string, RecordedPath>;
}

function record(service: PortIr, matchers: Matchers, target: string): RecordedPath {
  const [path = ''] = target.split('?', 1);
  if (!path.startsWith('/') || odd.test(path) || hasHiddenDots(path) || hasDoubleEscapes(path)) return oddPath;
  if (service.escapedSlashes === 'reject' && escapedSlash.test(path)) return oddPath;
  if (service.protocol === 'grpc' && grpcMethod.test(path)) return { kind: 'exact', path };
  // A probe has no query (decide.ts).
  if (path === service.healthPath && target.includes('?')) return oddPath;
  if (matchers.exact.has(path)) return { kind: 'exact', path };
  const matched = [
    ...(readsOneWay(path) ? [] : [readSeveralWays]),
    ...matchers.others.filter(({ matches }) => matches(path)).map(({ text }) => text),
  ];
  return { kind: 'shape', matched, among: matchers.among };
}

interface Matchers {
  readonly exact: ReadonlySet<string>;
  readonly others: readonly { readonly text: string; readonly matches: (path: string) => boolean }[];
  readonly among: readonly string[];
}

function matchersOf({ authorization, healthPath, escapedSlashes }: PortIr): Matchers {
  const exact = new Set(healthPath === undefined ? [] : [healthPath]);
  const others = new Map<string, (path: string) => boolean>();
  const { deny, allow, shadowDeny, shadowAllow } = authorization;
  for (const path of pathsOf([...deny, ...allow, ...shadowDeny, ...shadowAllow])) {
    if (path.kind === 'exact') exact.add(path.path);
    else others.set(pathRuleText(path), (text) => matchPath(path, text));
  }
  for (const path of pathsOf([...deny, ...shadowDeny])) {
    others.set(denyRuleText(path), (text) => !matchPath(path, text) && matchPathOf('deny', path, text));
  }
  const sorted = [...others].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    exact,
    others: sorted.map(([text, matches]) => ({ text, matches })),
    among: [
      ...(escapedSlashes === 'keep' ? [mayHoldEscapedSlashes] : []),
      ...[...exact].sort().map((path) => pathRuleText({ kind: 'exact', path })),
      ...sorted.map(([text]) => text),
    ],
  };
}

function pathsOf(rules: readonly RuleIr[]): readonly PathIr[] {
  return rules.flatMap(({ operations }) => operations.flatMap(({ path }) => (path === undefined ? [] : [path])));
}

/** A deny rule that matches only by a reading of the path (deny-path.ts), not by the path itself. */
export function denyRuleText(rule: PathIr): string {
  return `!${pathRuleText(rule)}`;
}

/** Of a text in the notation of `pathRuleText`. */
export function isDenyRuleText(text: string): boolean {
  return text.startsWith('!');
}

/** `=/a` exactly, `^/a` a prefix, `~/a/{}/b` a template. */
export function pathRuleText(rule: PathIr): string {
  switch (rule.kind) {
    case 'exact':
      return `=${rule.path}`;
    case 'prefix':
      return `^${rule.path}`;
    case 'template':
      return `~/${rule.segments.map((segment) => segment ?? '{}').join('/')}`;
    default:
      return rule satisfies never;
  }
}

/**
 * The reverse of `pathRuleText` for rules of allow policies: "=" exact, "^" prefix, anything else a template with
 * "{}".
 */
export function parsePathRule(text: string): PathIr {
  const path = text.slice(1);
  switch (text.charAt(0)) {
    case '=':
      return { kind: 'exact', path };
    case '^':
      return { kind: 'prefix', path };
    default: {
      const segments = path.slice(1).split('/');
      return { kind: 'template', segments: segments.map((segment) => (segment === '{}' ? null : segment)) };
    }
  }
}

/** For people: the path, or what is known about it. */
export function describeRecordedPath(path: RecordedPath): string {
  if (path.kind === 'exact') return path.path;
  if (path.kind === 'odd') return '(odd path)';
  // The longest is the most informative.
  const rules = path.matched.filter((text) => text !== readSeveralWays).map((text) => text.replace(/^!/, ''));
  const [longest] = rules.toSorted((a, b) => b.length - a.length);
  if (longest === undefined) return '(other paths)';
  const rule = longest.slice(1);
  return longest.startsWith('^') ? `${rule.replace(/\/$/, '')}/…` : rule.replaceAll('{}', '{…}');
}
