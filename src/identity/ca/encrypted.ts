// A text that only control planes with the bootstrap secret can read: AES-256-GCM, bound to its name, its version and the key's id, so that
// none of them can be exchanged.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import type { Json } from '../../lib/table.ts';
import type { EncryptionKey } from '../bootstrap-secret.ts';

export interface Versioned {
  /** Increases with every change. */
  readonly version: number;
  readonly text: string;
}

const algorithm = 'aes-256-gcm';
const tagBytes = 16;
const ivBytes = 12;

export function encrypt(name: string, { version, text }: Versioned, { id, key }: EncryptionKey): Json {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, bytesOf(key.reveal()), iv, { authTagLength: tagBytes });
  cipher.setAAD(bound(name, version, id));
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { version, key: id, iv: iv.toString('base64url'), data: data.toString('base64url') };
}

/** `where` is for messages. Throws `failed_precondition`: it is damaged, of another name or version, or of a secret that is not there. */
export function decrypt(name: string, stored: Json, keys: readonly EncryptionKey[], where: string): Versioned {
  const { version, key: id, iv, data } = read(stored) ?? {};
  if (version === undefined || iv === undefined || data === undefined) throw damaged(where);
  const key = keys.find((one) => one.id === id);
  if (key === undefined) {
    throw new CellwallError('failed_precondition', `${where} is encrypted with another bootstrap secret (${id})`, {
      hint: `is this the secret of this deployment? Its file has ${keys.map((one) => one.id).join(', ')}`,
    });
  }
  if (iv.length !== ivBytes || data.length < tagBytes) throw damaged(where);
  try {
    const decipher = createDecipheriv(algorithm, bytesOf(key.key.reveal()), iv, { authTagLength: tagBytes });
    decipher.setAAD(bound(name, version, key.id));
    decipher.setAuthTag(data.subarray(-tagBytes));
    const text = Buffer.concat([decipher.update(data.subarray(0, -tagBytes)), decipher.final()]).toString('utf8');
    return { version, text };
  } catch (cause) {
    throw damaged(where, cause);
  }
}

/** Which key it was encrypted with; undefined if that cannot be told. */
export function keyIdOf(stored: Json): string | undefined {
  return read(stored)?.key;
}

function read(stored: Json) {
  if (!isObject(stored)) return undefined;
  const { version, key, iv, data } = stored;
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) return undefined;
  if (typeof key !== 'string' || !/^[\w-]{1,64}$/.test(key)) return undefined;
  if (typeof iv !== 'string' || typeof data !== 'string') return undefined;
  return { version, key, iv: bytesOf(iv), data: bytesOf(data) };
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bound(name: string, version: number, id: string): Buffer {
  return Buffer.from(JSON.stringify(['cellwall-encrypted', 1, name, version, id]));
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}

function damaged(where: string, cause?: unknown): CellwallError {
  return new CellwallError('failed_precondition', `${where} is damaged, or was put together by somebody else`, {
    hint: 'restore the store from a backup, or the folder state/ of a control plane that ran on it; no new root is made',
    cause,
  });
}
