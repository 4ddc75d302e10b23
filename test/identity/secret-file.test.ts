// Files that hold keys, when the disk has no room or may not be written: what was there stays, nothing is left half written.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureSecretFolder, writeSecretFile } from '../../src/identity/secret-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-secret-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a secret file', () => {
  it('stays as it was when the new one finds room for a part only', () => {
    const path = join(folder, 'key.pem');
    writeSecretFile(path, 'before');
    const module = new URL('../../src/identity/secret-file.ts', import.meta.url).href;
    const script = `import { writeSecretFile } from ${JSON.stringify(module)};
      try { writeSecretFile(${JSON.stringify(path)}, 'x'.repeat(100_000)); } catch (reason) { console.log(reason.code, reason.message); }`;
    // A file of more than so many blocks cannot be written: write(2) stops short, as on a disk that is nearly full.
    const ended = spawnSync('sh', [
      '-c',
      'ulimit -f 8; exec "$0" --input-type=module -e "$1"',
      process.execPath,
      script,
    ]);
    expect(ended.stdout.toString()).toBe(`failed_precondition cannot write ${path} (EFBIG)\n`);
    expect(readFileSync(path, 'utf8')).toBe('before');
    expect(readdirSync(folder)).toEqual(['key.pem']);
  });

  it('tells a folder that cannot be made, and one that cannot be written', () => {
    writeFileSync(join(folder, 'file'), '');
    const refusal = (message: string) =>
      expect.objectContaining({ code: 'failed_precondition', message, hint: expect.stringMatching(/write there/) });
    const below = join(folder, 'file/data');
    expect(() => ensureSecretFolder(below)).toThrow(refusal(`cannot make the folder ${below} (ENOTDIR)`));
    expect(() => writeSecretFile(below, '')).toThrow(refusal(`cannot write ${below} (ENOTDIR)`));
  });
});
