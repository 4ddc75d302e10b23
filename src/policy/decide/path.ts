// The path that rules see, from the path on the wire: what Envoy's HTTP connection manager does before any filter, with normalize_path,
// merge_slashes and path_with_escaped_slashes_action as translate sets them. Pure; a test compares every branch with a real Envoy. RFC 3986
// §5.2.4 (dot segments), §6.2.2.2 (unreserved characters decoded).

/** `rejected`: Envoy answers 400 before any filter runs. */
export type CanonicalPath =
  /** Normalised, with the query if there was one. */
  | { readonly kind: 'path'; readonly path: string; readonly query?: string }
  | { readonly kind: 'rejected'; readonly reason: string };

/** What happens to a path with "%2f" or "%5c": the request is refused, or they stay as they are. */
export type EscapedSlashes = 'reject' | 'keep';

const unreserved = /^[A-Za-z0-9_~.-]$/;
/** Characters that leave normalisation percent-encoded. */
const encoded = /^["<>^`{|}]$/;

/** What happens to a request's path. `raw` is the request target as on the wire, one character per byte. */
export function canonicalPath(raw: string, escapedSlashes: EscapedSlashes): CanonicalPath {
  if (!raw.startsWith('/')) return rejected('does not begin with "/"');
  if (raw.includes('#')) return rejected('holds a fragment');
  if (/[^\x21-\x7e]/.test(raw)) return rejected('holds a byte that no request target may have');
  const mark = raw.indexOf('?');
  const written = mark === -1 ? raw : raw.slice(0, mark);
  const query = mark === -1 ? undefined : raw.slice(mark + 1);
  if (escapedSlashes === 'reject' && /%2f|%5c/i.test(written)) return rejected('holds an escaped slash');
  // Servers that support path parameters read "..;x" as "..": Envoy removes the parameter, but only from literal dots.
  const path = written.replace(/(?<=\/\.{1,2});[^/]*/g, '');
  if (/%00/.test(path)) return rejected('holds an escaped NUL');
  const normal = mergeSlashes(normalize(path));
  return query === undefined ? { kind: 'path', path: normal } : { kind: 'path', path: normal, query };
}

/**
 * A dot segment that Envoy does not recognise as one, but a server behind it may: with a parameter ("/..;x", which servlets resolve), or
 * next to an escaped slash or backslash ("/..%2f", which a server that decodes first resolves), even if the escapes are escaped again.
 * Envoy has resolved all others. No application needs one.
 */
export function hasHiddenDots(canonical: string): boolean {
  return hiddenDots.test(canonical);
}

/** The whole path, for the filter on the proxy: RE2 and JavaScript read it alike. */
export const hiddenDotsPattern = String.raw`.*(/|%(25)*(2f|5c))(\.|%(25)*2e){1,2}((/|;|%(25)*(2f|5c|3b)).*)?`;
const hiddenDots = new RegExp(`^${hiddenDotsPattern}$`, 'i');

/** A path parameter, also with the ";" escaped: some servers decode before they remove parameters. */
export function hasParameters(canonical: string): boolean {
  return parameters.some((text) => canonical.toLowerCase().includes(text));
}

/** What such a path holds, without regard to case; the filter on the proxy looks for the same. */
export const parameters: readonly string[] = [';', '%3b'];

/** An escape that is escaped again: servers that decode twice read another path. The filter on the proxy looks for the same. */
export function hasDoubleEscapes(canonical: string): boolean {
  return doubleEscapes.test(canonical);
}

/** For Envoy's regular expressions, which match the whole path: an escaped "%" that begins another escape (`%252f`). */
export const doubleEscapesPattern = '.*%25[0-9a-f]{2}.*';
const doubleEscapes = /%25[0-9a-f]{2}/i;

function rejected(reason: string): CanonicalPath {
  return { kind: 'rejected', reason: `the path ${reason}` };
}

/** Dot segments removed, backslashes turned, unreserved characters decoded, unsafe ones encoded. */
function normalize(path: string): string {
  const segments: string[] = [];
  const parts = path.slice(1).split(/[/\\]/);
  for (const [index, part] of parts.entries()) {
    const segment = normalizeSegment(part);
    const last = index === parts.length - 1;
    if (segment === '.') {
      if (last) segments.push('');
    } else if (segment === '..') {
      segments.pop();
      if (last) segments.push('');
    } else {
      segments.push(segment);
    }
  }
  return `/${segments.join('/')}`;
}

/**
 * One pass from the left. A "%" that begins no escape stays, and one that would begin an escape only after its follower was decoded
 * ("%%341" must not become "%41") is written "%25".
 */
function normalizeSegment(part: string): string {
  let out = '';
  let stray = -1;
  for (let at = 0; at < part.length; at++) {
    const char = part.charAt(at);
    if (char !== '%') {
      out += encoded.test(char) ? percentEncode(char) : char;
      continue;
    }
    const hex = part.slice(at + 1, at + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) {
      stray = out.length;
      out += '%';
      continue;
    }
    at += 2;
    const decoded = String.fromCharCode(Number.parseInt(hex, 16));
    if (!unreserved.test(decoded)) {
      out += `%${hex}`;
      continue;
    }
    out += decoded;
    if (stray !== -1) out = guardStray(out, stray, part.charAt(at + 1));
  }
  return out;
}

/** Keeps a stray "%" from forming an escape with what was just decoded after it (and the character that follows). */
function guardStray(out: string, stray: number, next: string): string {
  const after = out.length - stray - 1;
  if (after > 2) return out;
  const formed = after === 1 ? out.slice(stray + 1) + next : out.slice(stray + 1);
  if (!/^[0-9A-Fa-f]{2}$/.test(formed)) return out;
  return `${out.slice(0, stray)}%25${out.slice(stray + 1)}`;
}

function percentEncode(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Envoy leaves "//" of a path that is nothing but slashes. */
function mergeSlashes(path: string): string {
  return /^\/{2,}$/.test(path) ? '//' : path.replace(/\/{2,}/g, '/');
}
