// A text as a regular expression that matches exactly it.

/** RE2 accepts a backslash before any punctuation as that character. */
export function literal(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, (char) => (char === '_' || char.charCodeAt(0) > 127 ? char : `\\${char}`));
}
