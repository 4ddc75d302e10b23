// The beginning of a text that somebody else sent, for keeping. A copy: V8's slice of a long text references all of it, so that what was
// cut off would stay in memory.

/** `length` in UTF-16 units. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  return Buffer.from(text.slice(0, length), 'utf16le').toString('utf16le');
}
