// Reads and writes PEM (RFC 7468): certificates as DER, several in one text.
import { CellwallError } from '../../lib/errors.ts';

/** RFC 7468 §2. */
const lineLength = 64;
const block = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** The DER of each block labelled `label`; other text is skipped. Throws if there is none, or more than `max`. */
export function fromPem(text: string, label: string, max = 64): readonly Buffer[] {
  const found: Buffer[] = [];
  for (const [, name, body] of text.matchAll(block)) {
    if (name === label && body !== undefined) found.push(Buffer.from(body, 'base64'));
  }
  if (found.length === 0) throw new CellwallError('invalid_argument', `no "BEGIN ${label}" block in the PEM text`);
  if (found.length > max) throw new CellwallError('invalid_argument', `more than ${max} blocks in the PEM text`);
  return found;
}

/** Lines of 64 characters. `label` as in `CERTIFICATE`. */
export function toPem(der: Uint8Array, label: string): string {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  let lines = text.slice(0, lineLength);
  for (let at = lineLength; at < text.length; at += lineLength) lines += `\n${text.slice(at, at + lineLength)}`;
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
