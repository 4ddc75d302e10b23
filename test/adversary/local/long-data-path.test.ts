// Envoy's admin interface asks for no credential and can end the proxy: whatever the length of --data, it is a socket of this user's.
import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { adminOf } from '../../../src/sidecar/envoy/admin-address.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cw-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

it.each([1, 60, 99, 100, 108, 200, 1000])('a path of %i bytes more', (length) => {
  const data = join(folder, 'd'.repeat(length));
  const admin = adminOf(undefined, data, { XDG_RUNTIME_DIR: folder });
  if (admin.kind !== 'unix') throw new Error('a port');
  expect(Buffer.byteLength(admin.path)).toBeLessThan(100);
  expect(adminOf(undefined, data, { XDG_RUNTIME_DIR: folder })).toEqual(admin);
  if (dirname(admin.path) !== data) expect(lstatSync(dirname(admin.path)).mode & 0o777).toBe(0o700);
});

it('two folders have two sockets', () => {
  const at = (name: string): unknown => adminOf(undefined, join(folder, name.repeat(200)), { XDG_RUNTIME_DIR: folder });
  expect(at('a')).not.toEqual(at('b'));
});

it('a folder that somebody prepared there is refused: a link, or one that others may enter', () => {
  const data = join(folder, 'd'.repeat(200));
  const admin = adminOf(undefined, data, { XDG_RUNTIME_DIR: folder });
  const place = admin.kind === 'unix' ? dirname(admin.path) : '';
  rmSync(place, { recursive: true });
  mkdirSync(place, { mode: 0o755 });
  expect(() => adminOf(undefined, data, { XDG_RUNTIME_DIR: folder })).toThrow(/0755/);
  rmSync(place, { recursive: true });
  symlinkSync(folder, place);
  expect(() => adminOf(undefined, data, { XDG_RUNTIME_DIR: folder })).toThrow(/symlink/);
});

it('a runtime folder that is too long itself is not used; a socket that is asked for and too long is refused', () => {
  const data = join(folder, 'd'.repeat(200));
  const admin = adminOf(undefined, data, { XDG_RUNTIME_DIR: join(folder, 'r'.repeat(100)) });
  expect(admin.kind).toBe('unix');
  if (admin.kind === 'unix') rmSync(dirname(admin.path), { recursive: true });
  expect(() => adminOf(`unix:${data}`, folder, {})).toThrow(/too long/);
});
