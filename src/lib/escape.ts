// Text that others wrote, made safe for a terminal: control characters, escape sequences and direction overrides become visible.

/**
 * Controls, C0 to C1; what has no form of its own but changes that of others (bidirectional controls, zero width, soft hyphens, tags);
 * separators of lines; and letters that are blank.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;
/** The same, line feeds and tabs kept. */
const unsafeInBlock = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function visible(character: string): string {
  return short[character] ?? numbered(character);
}

/** One beyond U+FFFF is two, as JSON has it. */
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

/** For JSON: what it allows raw in its strings, and a terminal obeys. The line feeds between its members stay. */
export function escapeJson(text: string): string {
  return text.replaceAll(unsafeInBlock, numbered);
}

export function isUnsafe(text: string): boolean {
  return text.search(unsafeInBlock) >= 0;
}
