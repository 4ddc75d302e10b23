// Converts any text into one segment of a SPIFFE ID's path, and back. A segment has only letters, digits, "-", "." and "_", and no percent
// escapes (SPIFFE-ID §2.2): here "_" escapes. Ordinary values stay as they are (`42`, `main`, `release-1.2`); `feature/x` is `feature_2fx`,
// `a_b` is `a__b`, `é` is `_u00e9`, one UTF-16 unit at a time, so that even half a surrogate pair can be written. The empty text is `_`.

/** Distinct texts give distinct segments. */
export function escapeSegment(value: string): string {
  if (value === '') return '_';
  const escaped = value.replace(/[^A-Za-z0-9.-]/g, escapeUnit);
  // "." and ".." are not valid segments.
  return /^\.{1,2}$/.test(escaped) ? `_2e${escaped.slice(1)}` : escaped;
}

/** The value that gives `segment`; undefined if none does: every value has exactly one form. */
export function unescapeSegment(segment: string): string | undefined {
  const value = segment === '_' ? '' : segment.replace(/_(_|u[0-9a-f]{4}|[0-9a-f]{2})/g, unescapeUnit);
  return escapeSegment(value) === segment ? value : undefined;
}

function escapeUnit(unit: string): string {
  if (unit === '_') return '__';
  const code = unit.charCodeAt(0);
  return code < 0x80 ? `_${code.toString(16).padStart(2, '0')}` : `_u${code.toString(16).padStart(4, '0')}`;
}

function unescapeUnit(_all: string, escaped: string): string {
  return escaped === '_' ? '_' : String.fromCharCode(Number.parseInt(escaped.replace('u', ''), 16));
}
