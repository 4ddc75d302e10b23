// What tells the proxies of one service apart: given, or random and kept in the data folder.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSecretFile } from '../identity/secret-file.ts';
import { CellwallError } from '../lib/errors.ts';

export function instanceOf(given: string | undefined, dataDir: string): string {
  const path = join(dataDir, 'instance');
  const instance = given ?? (existsSync(path) ? readFileSync(path, 'utf8').trim() : randomBytes(6).toString('hex'));
  if (!/^[a-z0-9-]{1,64}$/.test(instance)) {
    throw new CellwallError('invalid_argument', 'the instance is not of a-z, 0-9 and "-", 64 at most', {
      hint: given === undefined ? `remove ${path}` : 'pass another --instance',
    });
  }
  if (given === undefined && !existsSync(path)) writeSecretFile(path, `${instance}\n`);
  return instance;
}
