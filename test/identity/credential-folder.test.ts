// The folder of tokens: as an operator writes it, and as Kubernetes mounts it.
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openCredentialFolder } from '../../src/identity/credential-folder.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-credentials-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const clock = createFakeClock();
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) };
  const write = (name: string, text: string, mode = 0o600): void => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
  };
  const open = () => {
    const opened = openCredentialFolder({ folder, clock, log });
    onTestFinished(opened.stop);
    const now = () => Object.fromEntries([...opened.value()].map(([name, token]) => [name, token.reveal()]));
    return { ...opened, now };
  };
  return { folder, clock, warnings, write, open };
}

it('has the tokens of its files, and follows them; what stays is the same object', () => {
  const { folder, clock, write, open } = setUp();
  write('a', 'one\n');
  write('b', 'two words');
  const opened = open();
  expect(opened.now()).toEqual({ a: 'one', b: 'two words' });
  const before = opened.value();
  let told = 0;
  opened.watch(() => told++);
  clock.advance(2000);
  expect([opened.value(), told]).toEqual([before, 0]);
  write('new', 'three');
  renameSync(join(folder, 'new'), join(folder, 'a'));
  rmSync(join(folder, 'b'));
  write('c', 'four');
  clock.advance(2000);
  expect(opened.now()).toEqual({ a: 'three', c: 'four' });
  expect(told).toBe(1);
  const c = opened.value().get('c');
  write('a', 'five');
  clock.advance(2000);
  expect(opened.value().get('c')).toBe(c);
  expect(JSON.stringify([...opened.value()])).not.toContain('five');
});

it('follows a mounted Secret, whose files are links that move all at once', () => {
  const { folder, clock, open } = setUp();
  for (const [version, token] of [
    ['..1', 'old'],
    ['..2', 'new'],
  ] as const) {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, 'a'), token);
  }
  symlinkSync('..1', join(folder, '..data'));
  symlinkSync('..data/a', join(folder, 'a'));
  const opened = open();
  expect(opened.now()).toEqual({ a: 'old' });
  symlinkSync('..2', join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
  clock.advance(2000);
  expect(opened.now()).toEqual({ a: 'new' });
});

it.each([
  ['others may read', 'secret', 0o644, 'others may read it'],
  ['has two lines', 'a\nb', 0o600, 'no text that a header can hold'],
  ['is empty', '', 0o600, 'no text that a header can hold'],
  ['has a control character', 'a\u0007b', 0o600, 'no text that a header can hold'],
  ['is large', 'a'.repeat(9000), 0o600, 'more than 8192 bytes'],
])('does not take a file that %s, and says so once', (_what, text, mode, why) => {
  const { clock, write, open, warnings } = setUp();
  write('bad', text, mode);
  write('good', 'one');
  const opened = open();
  clock.advance(10_000);
  expect(opened.now()).toEqual({ good: 'one' });
  expect(warnings).toMatchObject([{ reason: expect.stringContaining(why) }]);
  expect(JSON.stringify(warnings)).not.toContain('secret');
});

it('has to be there at the start; later, what was read stays until it can be read again', () => {
  const { folder, clock, write, open } = setUp();
  const gone = { folder: join(folder, 'none'), clock, log: silentLog };
  expect(() => openCredentialFolder(gone)).toThrow('is no folder');
  write('a', 'one');
  const opened = open();
  renameSync(folder, `${folder}.away`);
  clock.advance(2000);
  expect(opened.now()).toEqual({ a: 'one' });
  renameSync(`${folder}.away`, folder);
  write('a', 'two');
  clock.advance(2000);
  expect(opened.now()).toEqual({ a: 'two' });
});
