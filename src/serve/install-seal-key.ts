// The key that seals what is in a store that others can write to: every control plane of a deployment must have the same. It is given to a
// fresh one as a file, and kept in its data folder from then on.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readSecretFile, writeSecretFile } from '../identity/secret-file.ts';
import { CellwallError } from '../lib/errors.ts';

const leastLength = 32;

/** Does nothing without a file. Throws `failed_precondition` if the data folder has another key, or the file may be read by others. */
export function installSealKey(data: string, file: string | undefined): void {
  if (file === undefined) return;
  const key = readSecretFile(file).trim();
  if (key.length < leastLength) {
    throw new CellwallError('invalid_argument', `--store-seal-key: ${file} has fewer than ${leastLength} characters`, {
      hint: 'use the seal.key of another control plane of the deployment, or make one: openssl rand -base64 32',
    });
  }
  const own = join(data, 'seal.key');
  if (!existsSync(own)) writeSecretFile(own, key);
  if (readSecretFile(own).trim() === key) return;
  throw new CellwallError('failed_precondition', `--store-seal-key: ${own} is another key than ${file}`, {
    hint: 'what is sealed with the one is not accepted with the other: is this the right data folder?',
  });
}
