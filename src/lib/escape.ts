// Text that others wrote, made safe for a terminal: control characters, escape sequences and direction overrides become visible.

// C0, DEL, C1; line and paragraph separators; bidirectional controls; zero-width characters and the byte-order mark.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same, line feeds and tabs kept
const unsafeInBlock = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function visible(character: string): string {
  return short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
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
  return text.replaceAll(unsafeInBlock, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function isUnsafe(text: string): boolean {
  return text.search(unsafeInBlock) >= 0;
}
