// What a deny rule's path matches: every path that a server behind the sidecar may read as one that the rule names. Some treat "%2f" and
// "%5c" as slashes, merge slashes, or drop a trailing one; all decode what Envoy leaves escaped. An allow rule never looks through an
// escape (match.ts): it may match too little, a deny rule too much. Paths that are decoded twice are refused by a guard (path.ts).
import type { PathIr } from '../authorization-ir.ts';

/** What must come next in a path. */
export type DenyStep =
  /** One or more, of any kind. */
  | { readonly kind: 'slash' }
  /** Anything without a "/", but not empty. */
  | { readonly kind: 'any' }
  /** One character: as itself, or escaped in either case. */
  | { readonly kind: 'char'; readonly spellings: readonly string[] };

/** In lower case, each an escape. */
export const escapedSlashes = ['%2f', '%5c'] as const;
/** Escaped marks of a query and a fragment: a server that decodes and then parses a URL ends the path there. */
export const escapedEnds = ['%3f', '%23'] as const;

const unreserved = /[A-Za-z0-9_~.-]/;
/** Visible characters that Envoy leaves as they are, so that a request may have them escaped or not. */
const eitherWay = /[!$&'()*+,:;=@[\]%]/;

/** The rule as a sequence of steps; a template's `null` segment becomes a slash and any one segment. */
export function denySteps(rule: PathIr): readonly DenyStep[] {
  if (rule.kind !== 'template') return stepsOf(rule.path);
  return rule.segments.flatMap((segment): readonly DenyStep[] =>
    segment === null ? [{ kind: 'slash' }, { kind: 'any' }] : stepsOf(`/${segment}`),
  );
}

function stepsOf(text: string): readonly DenyStep[] {
  const steps: DenyStep[] = [];
  for (const [part] of text.matchAll(/(?:\/|%2f|%5c)+|%[0-9a-f]{2}|./gi)) {
    steps.push(/^(?:\/|%2f|%5c)/i.test(part) ? { kind: 'slash' } : { kind: 'char', spellings: spellings(part) });
  }
  return steps;
}

function spellings(part: string): readonly string[] {
  const char = part.length === 1 ? part : String.fromCharCode(Number.parseInt(part.slice(1), 16));
  if (unreserved.test(char)) return [char];
  const escaped = `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return eitherWay.test(char) ? [char, escaped] : [escaped];
}

/** No server reads it as any path other than itself. */
export function readsOneWay(path: string): boolean {
  return !path.includes('%') && (path === '/' || !path.endsWith('/'));
}

/** Then even a path with only one reading may be the rule's. */
export function namesEscapes(rule: PathIr): boolean {
  return rule.kind === 'template' ? rule.segments.some((segment) => segment?.includes('%')) : rule.path.includes('%');
}

/** `path` is canonical (path.ts) and without its query. Takes time proportional to the path, whoever wrote it. */
export function matchDenied(rule: PathIr, path: string): boolean {
  let reached: readonly number[] = [0];
  for (const step of denySteps(rule)) {
    reached = step.kind === 'char' ? afterChar(step.spellings, path, reached) : afterRun(step.kind, path, reached);
    if (reached.length === 0) return false;
  }
  return reached.some((at) => mayEnd(rule, path, at));
}

function mayEnd(rule: PathIr, path: string, from: number): boolean {
  if (rule.kind === 'prefix' && (rule.path.endsWith('/') || slashAt(path, from) > 0)) return true;
  let at = from;
  for (let length = slashAt(path, at); length > 0; length = slashAt(path, at)) at += length;
  return at === path.length || escapeAt(path, at, escapedEnds);
}

/** Where one can be after the character, in order, each once. */
function afterChar(spellings: readonly string[], path: string, reached: readonly number[]): readonly number[] {
  const next = reached.flatMap((at) =>
    spellings
      .filter((spelling) => {
        const found = path.slice(at, at + spelling.length);
        return found === spelling || (spelling.length > 1 && found.toLowerCase() === spelling);
      })
      .map((spelling) => at + spelling.length),
  );
  return next.length > 1 ? [...new Set(next)].sort((a, b) => a - b) : next;
}

/** After one or more of them. Visited positions are not visited again: many ways to one position cost no more than one. */
function afterRun(kind: 'slash' | 'any', path: string, reached: readonly number[]): readonly number[] {
  const next: number[] = [];
  let walked = 0;
  for (const from of reached) {
    // Runs of slashes begin where an escape does, so that two of them meet or stay apart.
    let at = Math.max(from, walked);
    for (let length = runAt(kind, path, at); length > 0; length = runAt(kind, path, at)) {
      at += length;
      // A free segment ends where a slash begins, or at the end of the path.
      if (kind === 'slash' || at === path.length || path[at] === '/' || path[at] === '%') next.push(at);
    }
    walked = Math.max(walked, at);
  }
  return next;
}

function runAt(kind: 'slash' | 'any', path: string, at: number): number {
  if (kind === 'slash') return slashAt(path, at);
  return at < path.length && path[at] !== '/' ? 1 : 0;
}

/** Its length; 0 if there is none. */
function slashAt(path: string, at: number): number {
  if (path[at] === '/') return 1;
  return escapeAt(path, at, escapedSlashes) ? 3 : 0;
}

function escapeAt(path: string, at: number, escapes: readonly string[]): boolean {
  return path[at] === '%' && escapes.includes(path.slice(at, at + 3).toLowerCase());
}
