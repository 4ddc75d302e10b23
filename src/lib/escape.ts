// Text that others wrote, made safe for a terminal: control characters, escape sequences and direction overrides become visible.

/**
 * Controls, C0 to C1; invisible characters that affect others (bidirectional controls, zero width, soft hyphens, tags); line separators;
 * and letters that are blank.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;
/** The same, keeping line feeds and tabs. */
const unsafeInBlock = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function visible(character: string): string {
  return short[character] ?? numbered(character);
}

/** A character beyond U+FFFF becomes two escapes, as in JSON. */
function numbered(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}

/** For one line: a cell of a table, a message. */
export function escapeLine(text: string): string {
  return text.replaceAll(unsafe, visible);
}

/** For text of several lines: line feeds and tabs stay. */
export function escapeBlock(text: string): string {
  return text.replaceAll(unsafeInBlock, visible);
}

/** For JSON: escapes what JSON allows unescaped in its strings, but a terminal obeys. The line feeds between its members stay. */
export function escapeJson(text: string): string {
  return text.replaceAll(unsafeInBlock, numbered);
}

export function isUnsafe(text: string): boolean {
  return text.search(unsafeInBlock) >= 0;
}
