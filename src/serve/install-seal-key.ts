// The key that seals what is in a store that others can write to: every control plane of a deployment must have the same. It is given to a
// fresh one as a file, and kept in its data folder from then on.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readBootstrapSecret } from '../identity/bootstrap-secret.ts';
import { readSecretFile, writeSecretFile } from '../identity/secret-file.ts';
import { CellwallError } from '../lib/errors.ts';
import { Redacted } from '../lib/redacted.ts';

const leastLength = 32;

/** At most one. */
export interface GivenSealKey {
  /** A file with the key. */
  readonly storeSealKey?: string;
  /** A file with the secret from which it follows. */
  readonly bootstrapSecret?: string;
}

/**
 * Does nothing without a file. Throws `failed_precondition` if the data folder has another key, or the file may be read by others. What is
 * returned takes the key away again, if the data folder had none.
 */
export function installSealKey(data: string, { storeSealKey, bootstrapSecret }: GivenSealKey): () => void {
  if (storeSealKey !== undefined && bootstrapSecret !== undefined) {
    throw new CellwallError(
      'invalid_argument',
      '--store-seal-key with --bootstrap-secret: the key follows from the secret',
    );
  }
  if (bootstrapSecret !== undefined) {
    const hint =
      `is ${bootstrapSecret} the right file, and ${data} the right folder? For an installation that exists: cellwall bootstrap-secret ` +
      `create FILE --from-data ${data}. If the folder was only ever started with a wrong secret, remove ${join(data, 'seal.key')}`;
    return install(
      data,
      readBootstrapSecret(bootstrapSecret).sealKey,
      `that of --bootstrap-secret ${bootstrapSecret}`,
      hint,
    );
  }
  return storeSealKey === undefined ? () => {} : installFile(data, storeSealKey);
}

function installFile(data: string, file: string): () => void {
  const key = readSecretFile(file).trim();
  if (key.length < leastLength) {
    throw new CellwallError('invalid_argument', `--store-seal-key: ${file} has fewer than ${leastLength} characters`, {
      hint: 'use the seal.key of another control plane of the deployment, or make one: openssl rand -base64 32',
    });
  }
  const hint = 'what is sealed with the one is not accepted with the other: is this the right data folder?';
  return install(data, new Redacted(key), `${file} (--store-seal-key)`, hint);
}

function install(data: string, key: Redacted<string>, what: string, hint: string): () => void {
  const own = join(data, 'seal.key');
  const isNew = !existsSync(own);
  if (isNew) writeSecretFile(own, key.reveal());
  if (readSecretFile(own).trim() !== key.reveal()) {
    throw new CellwallError('failed_precondition', `${own} is another key than ${what}`, { hint });
  }
  return () => {
    if (isNew) rmSync(own, { force: true });
  };
}
