// JSON Web Tokens for tests, well made and badly made: RS256 by a key, HS256 by a text.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface TokenKey {
  readonly privateKey: KeyObject;
  /** Its public half as a JWK, as JSON. */
  readonly jwk: string;
}

export function createTokenKey(): TokenKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { privateKey, jwk: JSON.stringify({ ...publicKey.export({ format: 'jwk' }), alg: 'RS256', kid: 'k1' }) };
}

export interface MintOptions {
  readonly iss: string;
  readonly aud: string | readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Seconds from now; null: the token has no end. */
  readonly expiresIn: number | null;
  /** A text makes it HS256. */
  readonly by: KeyObject | string;
  /** What the header says; default: what it is. */
  readonly alg?: string;
}

export function mintToken({ iss, aud, claims, expiresIn, by, alg }: MintOptions): string {
  const said = alg ?? (typeof by === 'string' ? 'HS256' : 'RS256');
  const exp = expiresIn === null ? {} : { exp: Math.floor(Date.now() / 1000) + expiresIn };
  const text = `${base64({ alg: said, kid: 'k1' })}.${base64({ iss, aud, ...claims, ...exp })}`;
  const signature =
    typeof by === 'string' ? createHmac('sha256', by).update(text).digest() : sign('sha256', Buffer.from(text), by);
  return `${text}.${signature.toString('base64url')}`;
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
