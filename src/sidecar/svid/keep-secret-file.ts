// A file that every start creates: written only if it is not already there as required, so that a restart needs no space on the disk. Not
// synced: what a crash of the machine loses is created again.
import { readSecretFile, writeSecretFile } from '../../identity/secret-file.ts';

export function keepSecretFile(path: string, content: string): void {
  if (contentOf(path) !== content) writeSecretFile(path, content, 0o600, false);
}

function contentOf(path: string): string | undefined {
  try {
    return readSecretFile(path);
  } catch {
    // None, or one that others may read: replaced by rename.
    return undefined;
  }
}
