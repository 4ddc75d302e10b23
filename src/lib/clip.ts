// The beginning of a text that somebody else sent, for keeping. A copy: V8's slice of a long text holds on to all of it, so that
// what was cut off would be kept with what is left.

export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  return Buffer.from(text.slice(0, length), 'utf16le').toString('utf16le');
}
