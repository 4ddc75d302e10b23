// What distinguishes the proxies of one service: given, or random and kept in the data folder.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSecretFile } from '../identity/secret-file.ts';
import { CellwallError } from '../lib/errors.ts';
import { isInstance } from '../lib/node-id.ts';

/** Throws `invalid_argument` for one that is not of a-z, 0-9 and "-". */
export function instanceOf(given: string | undefined, dataDir: string): string {
  const path = pathIn(dataDir);
  const instance = given ?? (existsSync(path) ? readFileSync(path, 'utf8').trim() : newInstance(dataDir));
  if (!isInstance(instance)) {
    throw new CellwallError('invalid_argument', 'the instance is not of a-z, 0-9 and "-", 64 at most', {
      hint: given === undefined ? `remove ${path}` : 'pass another --instance',
    });
  }
  return instance;
}

/** A new one, kept in place of the previous one. */
export function newInstance(dataDir: string): string {
  const instance = randomBytes(6).toString('hex');
  writeSecretFile(pathIn(dataDir), `${instance}\n`);
  return instance;
}

const pathIn = (dataDir: string): string => join(dataDir, 'instance');
