// Secrets in files: a process that does not load preload.ts (another environment, openssl) leaves keys and tokens where the product
// keeps them, and there they are known by their shape.
import { createPrivateKey } from 'node:crypto';
import { keyValues } from './key-values.ts';
import type { Secret } from './search.ts';

const pem = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{1,10000}?-----END [A-Z ]*PRIVATE KEY-----/g;
/** A join token, a named token, an admin token or sealing key, alone in its file. */
const token = /^(?:cw[12]\.|cwa1\.[a-z][a-z0-9-]*\.)?([A-Za-z0-9_-]{43})(?:\.[A-Za-z0-9_.-]+)?\s*$/;
const smallBytes = 100_000;

export function harvest(path: string, content: Buffer): readonly Secret[] {
  if (content.length > smallBytes) return [];
  const text = content.toString('latin1');
  const keys = (text.match(pem) ?? []).flatMap((key) => keyValues(key, createPrivateKey));
  const [, bytes] = /\.(?:token|key)$/.test(path) ? (token.exec(text) ?? []) : [];
  return [
    ...keys.map((value) => ({ kind: 'private key', bytes: Buffer.from(value) })),
    ...(bytes === undefined ? [] : [{ kind: 'token in a file', bytes: Buffer.from(bytes, 'base64url') }]),
  ];
}
