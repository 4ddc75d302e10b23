// The folder of tokens: as an operator writes it, and as Kubernetes mounts it.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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
  mkdirSync(join(folder, 'api'));
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
  write('api/a', 'one\n');
  write('api/b', 'two words');
  const opened = open();
  expect(opened.now()).toEqual({ 'api/a': 'one', 'api/b': 'two words' });
  const before = opened.value();
  let told = 0;
  opened.watch(() => told++);
  clock.advance(2000);
  expect([opened.value(), told]).toEqual([before, 0]);
  write('api/.new', 'three');
  renameSync(join(folder, 'api/.new'), join(folder, 'api/a'));
  rmSync(join(folder, 'api/b'));
  write('api/c', 'four');
  clock.advance(2000);
  expect(opened.now()).toEqual({ 'api/a': 'three', 'api/c': 'four' });
  expect(told).toBe(1);
  const c = opened.value().get('api/c');
  write('api/a', 'five');
  clock.advance(2000);
  expect(opened.value().get('api/c')).toBe(c);
  expect(JSON.stringify([...opened.value()])).not.toContain('five');
});

it('follows a mounted Secret, whose files are links that move all at once', () => {
  const { folder: top, clock, open } = setUp();
  const folder = join(top, 'api');
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
  expect(opened.now()).toEqual({ 'api/a': 'old' });
  symlinkSync('..2', join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
  clock.advance(2000);
  expect(opened.now()).toEqual({ 'api/a': 'new' });
});

it.each([
  ['others may read', 'secret', 0o644, 'others may read it'],
  ['has two lines', 'a\nb', 0o600, 'no text that a header can hold'],
  ['is empty', '', 0o600, 'no text that a header can hold'],
  ['has a control character', 'a\u0007b', 0o600, 'no text that a header can hold'],
  ['is large', 'a'.repeat(9000), 0o600, 'more than 8192 bytes'],
])('does not take a file that %s, and says so once', (_what, text, mode, why) => {
  const { clock, write, open, warnings } = setUp();
  write('api/bad', text, mode);
  write('api/good', 'one');
  const opened = open();
  clock.advance(10_000);
  expect(opened.now()).toEqual({ 'api/good': 'one' });
  expect(warnings).toMatchObject([{ reason: expect.stringContaining(why) }]);
  expect(JSON.stringify(warnings)).not.toContain('secret');
});

it('has to be there at the start; later, what was read stays until it can be read again', () => {
  const { folder, clock, write, open } = setUp();
  const gone = { folder: join(folder, 'none'), clock, log: silentLog };
  expect(() => openCredentialFolder(gone)).toThrow('is no folder');
  write('api/a', 'one');
  const opened = open();
  renameSync(folder, `${folder}.away`);
  clock.advance(2000);
  expect(opened.now()).toEqual({ 'api/a': 'one' });
  renameSync(`${folder}.away`, folder);
  write('api/a', 'two');
  clock.advance(2000);
  expect(opened.now()).toEqual({ 'api/a': 'two' });
});

it('belongs to the service, or the service of a cell, in whose folder it is; to nobody if it is in none', () => {
  const { folder, clock, write, open, warnings } = setUp();
  mkdirSync(join(folder, 'cell-1/web/deeper'), { recursive: true });
  write('api/token', 'of api');
  write('cell-1/token', 'of cell-1');
  write('cell-1/web/token', 'of web');
  write('cell-1/web/deeper/token', 'of nobody');
  write('token', 'of nobody');
  const opened = open();
  expect(opened.now()).toEqual({ 'api/token': 'of api', 'cell-1/token': 'of cell-1', 'cell-1/web/token': 'of web' });
  clock.advance(10_000);
  expect(warnings).toMatchObject([
    { file: join(folder, 'cell-1/web/deeper'), reason: 'it is no file' },
    { file: join(folder, 'token'), reason: expect.stringContaining('it is of no service') },
  ]);
});

it('follows a Secret whose entries are mounted at paths, through links above the files', () => {
  const { folder, clock, open } = setUp();
  rmSync(join(folder, 'api'), { recursive: true });
  for (const [version, token] of [
    ['..1', 'old'],
    ['..2', 'new'],
  ] as const) {
    mkdirSync(join(folder, version, 'api'), { recursive: true });
    writeFileSync(join(folder, version, 'api/a'), token);
  }
  symlinkSync('..1', join(folder, '..data'));
  symlinkSync('..data/api', join(folder, 'api'));
  const opened = open();
  expect(opened.now()).toEqual({ 'api/a': 'old' });
  symlinkSync('..2', join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
  clock.advance(2000);
  expect(opened.now()).toEqual({ 'api/a': 'new' });
});

it('takes no half-written file, and no file away that is being written anew', () => {
  const { clock, write, open, warnings } = setUp();
  write('api/a', 'token-of-before');
  const opened = open();
  clock.advance(900);
  // As a shell does it: emptied, and then written in pieces.
  for (const text of ['', 'token-', 'token-of-now']) {
    write('api/a', text);
    clock.advance(1000);
    expect(opened.now()).toEqual({ 'api/a': 'token-of-before' });
  }
  clock.advance(1000);
  expect(opened.now()).toEqual({ 'api/a': 'token-of-now' });
  expect(warnings).toEqual([]);
});

it('takes nothing that others could have put there, or could read', () => {
  const { folder, clock, write, open, warnings } = setUp();
  const elsewhere = mkdtempSync(join(tmpdir(), 'cellwall-elsewhere-'));
  onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
  writeFileSync(join(elsewhere, 'open'), 'readable', { mode: 0o644 });
  writeFileSync(join(elsewhere, 'closed'), 'closed', { mode: 0o600 });
  symlinkSync(join(elsewhere, 'open'), join(folder, 'api/open'));
  symlinkSync(join(elsewhere, 'closed'), join(folder, 'api/closed'));
  symlinkSync('nowhere', join(folder, 'api/dangling'));
  execFileSync('mkfifo', ['-m', '600', join(folder, 'api/pipe')]);
  mkdirSync(join(folder, 'web'));
  write('web/token', 'of web');
  chmodSync(join(folder, 'web'), 0o777);
  mkdirSync(join(folder, 'sticky'));
  write('sticky/token', 'of sticky');
  // As Kubernetes mounts a Secret.
  chmodSync(join(folder, 'sticky'), 0o1777);
  const opened = open();
  expect(opened.now()).toEqual({ 'api/closed': 'closed', 'sticky/token': 'of sticky' });
  clock.advance(10_000);
  expect(warnings).toMatchObject([
    { file: join(folder, 'api/dangling') },
    { file: join(folder, 'api/open'), reason: expect.stringContaining('others may read it') },
    { file: join(folder, 'api/pipe'), reason: 'it is no file' },
    { file: join(folder, 'web'), reason: expect.stringContaining('others may write to this folder') },
  ]);
  chmodSync(folder, 0o777);
  expect(() => openCredentialFolder({ folder, clock, log: silentLog })).toThrow('others may write to this folder');
  clock.advance(10_000);
  expect(opened.now()).toEqual({ 'api/closed': 'closed', 'sticky/token': 'of sticky' });
});

it('in a folder that everybody may write to takes only what its owner put there', {
  skip: process.getuid?.() !== 0,
}, () => {
  const { folder, write, open, warnings } = setUp();
  chmodSync(join(folder, 'api'), 0o1777);
  for (const name of ['own', 'planted']) write(`api/${name}`, name);
  chownSync(join(folder, 'api/planted'), 65_534, 65_534);
  expect(open().now()).toEqual({ 'api/own': 'own' });
  expect(warnings).toMatchObject([{ reason: expect.stringContaining('belongs to somebody else') }]);
});

const nobody = 65_534;

it('reads nothing for a service that is not its own: whoever owns a folder cannot lead to what is somebody else’s', {
  skip: process.getuid?.() !== 0,
}, () => {
  const { folder, clock, write, open, warnings } = setUp();
  mkdirSync(join(folder, 'web'));
  mkdirSync(join(folder, 'cell-1'));
  write('web/token', 'of web');
  write('api/own', 'of api');
  symlinkSync('own', join(folder, 'api/link'));
  symlinkSync('../web/token', join(folder, 'api/stolen'));
  symlinkSync('../web', join(folder, 'cell-1/web'));
  for (const path of ['api', 'api/own', 'api/link', 'api/stolen', 'cell-1', 'cell-1/web'])
    lchownSync(join(folder, path), nobody, nobody);
  // What the operator links is taken.
  symlinkSync('../web/token', join(folder, 'web/again'));
  const opened = open();
  clock.advance(10_000);
  expect(opened.now()).toEqual({
    ...{ 'api/own': 'of api', 'api/link': 'of api' },
    ...{ 'web/token': 'of web', 'web/again': 'of web' },
  });
  const reason = expect.stringContaining('it belongs to somebody else than the folder');
  expect(warnings).toMatchObject([
    { file: join(folder, 'api/stolen'), reason },
    { file: join(folder, 'cell-1/web'), reason },
  ]);
});

it('has space for all: a folder with many files crowds out no other service', () => {
  const { folder, write, open } = setUp();
  mkdirSync(join(folder, 'web'));
  for (let one = 0; one <= 1000; one += 1) writeFileSync(join(folder, `api/${one}`), 'many', { mode: 0o600 });
  write('web/token', 'of web');
  const opened = open();
  expect(opened.value().size).toBe(1000);
  expect(opened.value().get('web/token')?.reveal()).toBe('of web');
});
