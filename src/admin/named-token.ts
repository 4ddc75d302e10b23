// The text of a named token: `cwa1.<name>.<32 random bytes, base64url>`. It contains the name so that its holder can say, in a handshake,
// whose key will be proved.
import { randomBytes } from 'node:crypto';
import { Redacted } from '../lib/redacted.ts';

const textPattern = /^cwa1\.([a-z][a-z0-9-]{0,39})\.[A-Za-z0-9_-]{43}$/;
const namePattern = /^[a-z][a-z0-9-]{0,39}$/;

/** Authors that no token may have as its name. */
const reserved: readonly string[] = ['anonymous', 'documents', 'operator', 'outside', 'start'];

/** A new secret; `name` must be a valid token name. */
export function makeNamedToken(name: string): Redacted<string> {
  return new Redacted(`cwa1.${name}.${randomBytes(32).toString('base64url')}`);
}

/** The name in the text of a token; undefined for the token of the data folder, and for anything that is not a token. */
export function nameInToken(text: string): string | undefined {
  return textPattern.exec(text)?.[1];
}

/** Whether a token may have this name. */
export function isTokenName(name: string): boolean {
  return namePattern.test(name) && !reserved.includes(name);
}
