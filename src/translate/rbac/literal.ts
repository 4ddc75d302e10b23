// A text as a regular expression for itself.

/** RE2 takes a backslash before any punctuation for that character. */
export function literal(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, (char) => (char === '_' || char.charCodeAt(0) > 127 ? char : `\\${char}`));
}
