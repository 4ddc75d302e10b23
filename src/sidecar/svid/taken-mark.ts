// Remembers, across restarts of a helper with --on-renew, which files its program has: a restart must not count as a command that ended
// well.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readSecretFile, writeSecretFile } from '../../identity/secret-file.ts';
import { sha256 } from '../../identity/x509/fingerprint.ts';
import type { StoredSvid } from './svid-files.ts';

type Files = Pick<StoredSvid, 'chain' | 'bundle'>;

export interface TakenMark {
  /** Whether its program has other files than these. Nothing was noted: it starts with these. */
  isBehind(files: Files): boolean;
  note(files: Files): void;
}

export function createTakenMark(dir: string): TakenMark {
  const path = join(dir, 'taken');
  return {
    isBehind: (files) => existsSync(path) && readSecretFile(path) !== nameOf(files),
    note: (files) => writeSecretFile(path, nameOf(files)),
  };
}

function nameOf({ chain, bundle }: Files): string {
  return sha256(`${chain}\n${bundle}`).toString('base64url');
}
