import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { installSealKey } from '../../src/serve/install-seal-key.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-seal-key-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const keyFile = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

it('is taken over by a fresh data folder, stays, and is not exchanged for another', () => {
  const own = join(folder, 'seal.key');
  installSealKey(folder, {});
  expect(existsSync(own)).toBe(false);
  installSealKey(folder, { storeSealKey: keyFile('given', `${'a'.repeat(43)}\n`) });
  expect(readFileSync(own, 'utf8')).toBe('a'.repeat(43));
  installSealKey(folder, { storeSealKey: join(folder, 'given') });
  expect(() => installSealKey(folder, { storeSealKey: keyFile('other', 'b'.repeat(43)) })).toThrow('another key');
  expect(readFileSync(own, 'utf8')).toBe('a'.repeat(43));
});

it('is refused if it is short, or others may read it', () => {
  expect(() => installSealKey(folder, { storeSealKey: keyFile('short', 'abc') })).toThrow('fewer than 32');
  const file = keyFile('wide', 'a'.repeat(43));
  chmodSync(file, 0o644);
  expect(() => installSealKey(folder, { storeSealKey: file })).toThrow('0644');
  expect(existsSync(join(folder, 'seal.key'))).toBe(false);
});
