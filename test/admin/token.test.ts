// The admin token's file: made once, for its owner only.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminTokenFile, createAdminToken, readAdminToken } from '../../src/admin/token.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-token-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the admin token', () => {
  it('is made once, long, for its owner only', () => {
    const data = join(folder, 'data');
    const token = createAdminToken(data);
    expect(Buffer.from(token.reveal(), 'base64url')).toHaveLength(32);
    expect(statSync(adminTokenFile(data)).mode & 0o777).toBe(0o600);
    expect(statSync(data).mode & 0o777).toBe(0o700);
    expect(createAdminToken(data).reveal()).toBe(token.reveal());
    expect(readAdminToken(adminTokenFile(data))?.reveal()).toBe(token.reveal());
    expect(createAdminToken(join(folder, 'other')).reveal()).not.toBe(token.reveal());
  });

  it('does not print', () => {
    const token = createAdminToken(folder);
    expect(`${token} ${JSON.stringify({ token })} ${inspect(token)}`).not.toContain(token.reveal());
  });

  it('is absent where there is no file', () => {
    expect(readAdminToken(adminTokenFile(folder))).toBeUndefined();
  });

  it.each([0o644, 0o640, 0o604])('is refused in a file of mode %o', (mode) => {
    createAdminToken(folder);
    chmodSync(adminTokenFile(folder), mode);
    expect(() => createAdminToken(folder)).toThrow(/only its owner can read/);
  });

  it('is refused through a symlink, and never replaced by a new one', () => {
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, 'x'.repeat(43), { mode: 0o600 });
    symlinkSync(elsewhere, adminTokenFile(folder));
    expect(() => createAdminToken(folder)).toThrow(/plain file/);
    expect(readFileSync(elsewhere, 'utf8')).toBe('x'.repeat(43));
  });

  it.each(['', 'short', `${'x'.repeat(43)}\n${'y'.repeat(43)}`, 'ü'.repeat(43)])(
    'is refused if the file holds %j',
    (text) => {
      writeFileSync(adminTokenFile(folder), text, { mode: 0o600 });
      expect(() => createAdminToken(folder)).toThrow(/does not hold an admin token/);
    },
  );
});
