// After a notification only the files are looked at that it is about, if they say what they said: never if anything might be another state.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { heardOnlyOf } from '../../src/store/directory/heard-only-of.ts';
import { type DirectoryContent, readDirectory } from '../../src/store/directory/read-directory.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-heard-'));
  for (const name of ['sub', 'outside', '..data']) mkdirSync(join(folder, name));
  for (const name of ['a.yaml', 'b.yaml', 'sub/c.yaml', '..data/d.yaml'])
    writeFileSync(join(folder, name), `# ${name}\n`);
  symlinkSync('..data/d.yaml', join(folder, 'd.yaml'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function readAll(): Promise<DirectoryContent> {
  return readDirectory(folder, { known: new Map(), now: 0, found: () => {} });
}

async function after(...names: readonly string[]) {
  const seen = await readAll();
  return { seen, hear: () => heardOnlyOf(new Set(names.map((name) => join(folder, name))), seen) };
}

function replace(name: string, text: string): void {
  writeFileSync(join(folder, 'new'), text);
  renameSync(join(folder, 'new'), join(folder, name));
}

it('is the same content, with the files as they are now', async () => {
  const { seen, hear } = await after('a.yaml', 'sub/c.yaml', 'never.yaml');
  replace('a.yaml', '# a.yaml\n');
  writeFileSync(join(folder, 'sub/c.yaml'), '# sub/c.yaml\n');
  const found = await hear();
  expect(seen.files.get('a.yaml')?.inode).not.toBe(found?.files.get('a.yaml')?.inode);
  const now = await readAll();
  expect(now.texts).toEqual(seen.texts);
  expect(new Map([...(found?.files ?? [])].sort())).toEqual(new Map([...now.files].sort()));
});

const others: readonly (readonly [what: string, heard: string, change: () => void])[] = [
  ['another text', 'a.yaml', () => replace('a.yaml', '# another\n')],
  ['a new file', 'e.yaml', () => replace('e.yaml', '# e\n')],
  ['a file that is gone', 'b.yaml', () => unlinkSync(join(folder, 'b.yaml'))],
  ['a folder that is gone', 'sub', () => renameSync(join(folder, 'sub'), join(folder, 'outside', 'sub'))],
  ['a new folder', 'more', () => mkdirSync(join(folder, 'more'))],
  [
    'a link in the place of a file',
    'a.yaml',
    () => {
      unlinkSync(join(folder, 'a.yaml'));
      symlinkSync('b.yaml', join(folder, 'a.yaml'));
    },
  ],
  ['a link to a file', 'd.yaml', () => {}],
  ['what a link leads to', '..data/d.yaml', () => unlinkSync(join(folder, '..data/d.yaml'))],
  ['a folder behind a link', '..data', () => renameSync(join(folder, '..data'), join(folder, '..old'))],
  ['what is no document', 'notes.txt', () => replace('notes.txt', 'a')],
  ['bytes that are no text', 'a.yaml', () => writeFileSync(join(folder, 'a.yaml'), Buffer.from([0xff, 0xfe]))],
];

it.each(others)('everything is read after %s', async (_, heard, change) => {
  const { hear } = await after(heard);
  change();
  expect(await hear()).toBeUndefined();
});

it('everything is read if there is much to look at, or nothing is known', async () => {
  const { seen } = await after();
  const many = new Set(Array.from({ length: 65 }, (_, index) => join(folder, `never-${index}.yaml`)));
  expect(await heardOnlyOf(many, seen)).toBeUndefined();
  expect(await heardOnlyOf(new Set(), { ...seen, folders: [] })).toBeUndefined();
});
