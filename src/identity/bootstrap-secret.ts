// The one secret that a control plane needs besides its store: the key that seals what is in the store, and the one that the CA's keys
// are encrypted with there, follow from it (HKDF, RFC 5869). A file of lines, so that it can be renewed: the first secret encrypts, all
// decrypt.
import { randomBytes } from 'node:crypto';
import { CellwallError } from '../lib/errors.ts';
import { Redacted } from '../lib/redacted.ts';
import { deriveKey } from '../lib/seal.ts';
import { readSecretFile } from './secret-file.ts';

export interface BootstrapSecret {
  /** Stays the same when the secret is renewed: what it sealed is there for years. */
  readonly sealKey: Redacted<string>;
  /** At least one. The first encrypts. */
  readonly encryption: readonly EncryptionKey[];
  /** Names of roots (`rootName`) of which the CA must have, or have had, one: then none is made. Empty: not said. */
  readonly roots: readonly string[];
}

export interface EncryptionKey {
  /** Names it, and tells nothing about it. */
  readonly id: string;
  /** 32 bytes, base64url: AES-256. */
  readonly key: Redacted<string>;
}

/** What a file says. */
interface Lines {
  readonly secrets: readonly Redacted<string>[];
  readonly sealKey: Redacted<string> | undefined;
  readonly roots: readonly string[];
}

const leastLength = 32;
const mostBytes = 65_536;
const mostSecrets = 16;
const value = /^[A-Za-z0-9_+/=-]+$/;

/** Throws `invalid_argument` with the line that is wrong, `not_found`, and `failed_precondition` if others can read the file. */
export function readBootstrapSecret(file: string): BootstrapSecret {
  const { secrets, sealKey, roots } = readLines(file);
  const [first] = secrets;
  if (first === undefined) throw wrong(file, 'contains no secret');
  if (secrets.length > 1 && sealKey === undefined) {
    throw wrong(file, 'contains several secrets, and no "seal-key"', 'cellwall bootstrap-secret rotate writes it');
  }
  return {
    roots,
    sealKey: sealKey ?? sealKeyOf(first),
    encryption: secrets.map((secret) => ({
      id: deriveKey(secret, 'cellwall bootstrap: id').reveal().slice(0, 12),
      key: deriveKey(secret, 'cellwall bootstrap: encryption'),
    })),
  };
}

/** As the file is whenever it is asked for; while it cannot be read, as it was last. Throws at once if it cannot be read now. */
export function followBootstrapSecret(file: string): () => BootstrapSecret {
  let last = readBootstrapSecret(file);
  return () => {
    try {
      last = readBootstrapSecret(file);
    } catch {
      // It is being replaced, or was taken away after the start.
    }
    return last;
  };
}

/** The text of a new file. `sealKey`: that of an installation that exists. */
export function newBootstrapSecret(sealKey?: Redacted<string>): Redacted<string> {
  return format({ secrets: [randomSecret()], sealKey, roots: [] });
}

/** The text of `file` with a new secret before those that it has. */
export function renewedBootstrapSecret(file: string): Redacted<string> {
  const { sealKey } = readBootstrapSecret(file);
  const { secrets, roots } = readLines(file);
  if (secrets.length >= mostSecrets) {
    throw wrong(file, `contains ${secrets.length} secrets`, 'remove the lines of those that nothing uses any more');
  }
  return format({ secrets: [randomSecret(), ...secrets], sealKey, roots });
}

function sealKeyOf(secret: Redacted<string>): Redacted<string> {
  return deriveKey(secret, 'cellwall bootstrap: seal key');
}

function randomSecret(): Redacted<string> {
  return new Redacted(randomBytes(32).toString('base64url'));
}

function format({ secrets, sealKey, roots }: Lines): Redacted<string> {
  const lines = [
    '# Bootstrap secret of a Cellwall deployment. Whoever has it, and can read the store, has the keys of the CA.',
    '# The first secret encrypts, all decrypt.',
    ...secrets.map((secret) => `secret ${secret.reveal()}`),
    ...(sealKey === undefined ? [] : [`seal-key ${sealKey.reveal()}`]),
    ...roots.map((root) => `root ${root}`),
  ];
  return new Redacted(lines.map((line) => `${line}\n`).join(''));
}

function readLines(file: string): Lines {
  const text = readSecretFile(file);
  if (text.length > mostBytes) throw wrong(file, 'is too long');
  const secrets: Redacted<string>[] = [];
  const roots: string[] = [];
  let sealKey: Redacted<string> | undefined;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [name = '', word = '', ...more] = line.trim().split(/\s+/);
    if (name === '' || name.startsWith('#')) continue;
    const at = `${file}:${index + 1}`;
    if (name === 'root' && more.length === 0 && /^[\w-]{12}$/.test(word)) {
      roots.push(word);
      continue;
    }
    // What stands there may be a secret: it is not repeated.
    if ((name !== 'secret' && name !== 'seal-key') || more.length > 0) {
      throw wrong(at, 'is not "secret VALUE", "seal-key VALUE" or "root NAME"');
    }
    if (word.length < leastLength || !value.test(word)) {
      throw wrong(at, `is no value of ${leastLength} or more letters and digits`, 'openssl rand -base64 32');
    }
    if (name === 'secret') secrets.push(new Redacted(word));
    else if (sealKey === undefined) sealKey = new Redacted(word);
    else throw wrong(at, 'is a second "seal-key"');
  }
  if (secrets.length > mostSecrets) throw wrong(file, `contains more than ${mostSecrets} secrets`);
  return { secrets, sealKey, roots };
}

function wrong(where: string, what: string, hint?: string): CellwallError {
  return new CellwallError('invalid_argument', `the bootstrap secret ${where} ${what}`, {
    hint: hint ?? 'cellwall bootstrap-secret create FILE makes one',
  });
}
