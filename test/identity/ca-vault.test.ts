// The CA's keys in a table of the store, encrypted.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BootstrapSecret } from '../../src/identity/bootstrap-secret.ts';
import { type CaVault, createCaVault, vaultKey } from '../../src/identity/ca/ca-vault.ts';
import { decrypt, encrypt } from '../../src/identity/ca/encrypted.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { deriveKey } from '../../src/lib/seal.ts';
import type { Fence, Json, Table } from '../../src/lib/table.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import '../support/seed.ts';
import { caMaterial, caStorageContract } from './ca-storage-contract.ts';

const key = (name: string): BootstrapSecret['encryption'][number] => ({
  id: `id-${name}`,
  key: deriveKey(new Redacted(name), 'test'),
});
const secretOf = (...names: string[]) => ({ encryption: names.map(key) });
const clock = createFakeClock();
const tableOf = (): Table => createMemoryTable(clock);
const vaultOn = (table: Table, ...names: string[]): CaVault =>
  createCaVault({ table, secret: () => secretOf(...(names.length === 0 ? ['a'] : names)) });

caStorageContract('an entry of the store', {
  async open() {
    const table = tableOf();
    return { storage: vaultOn(table), again: async () => vaultOn(table) };
  },
});

describe('who has no secret', () => {
  it('reads nothing of it, and the same content is never the same bytes', async () => {
    const [one, other] = [tableOf(), tableOf()];
    const material = caMaterial('root');
    for (const table of [one, other]) await vaultOn(table).add('root', material);
    const [first, second] = [JSON.stringify(await one.get(vaultKey)), JSON.stringify(await other.get(vaultKey))];
    for (const line of [...material.pem.split('\n'), ...material.keyPem.split('\n')].filter(
      (text) => text.length > 8,
    )) {
      expect(first).not.toContain(line);
      expect(Buffer.from(first, 'base64url').toString('latin1')).not.toContain(line);
    }
    expect(first).not.toBe(second);
  });

  it('is told that it is another secret, and changes nothing', async () => {
    const table = tableOf();
    await vaultOn(table, 'a').add('root', caMaterial('root'));
    const before = await table.get(vaultKey);
    const other = vaultOn(table, 'b');
    for (const attempt of [
      () => other.load('root'),
      () => other.isEmpty(),
      () => other.add('root', caMaterial('mine')),
      () => other.fill({ cas: {}, notes: {} }),
      () => other.renewEncryption(),
      () => other.changeNote('x', undefined, 'y'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'failed_precondition',
        message: expect.stringContaining('another bootstrap secret (id-a)'),
        hint: expect.stringContaining('id-b'),
      });
    }
    expect(await table.get(vaultKey)).toEqual(before);
  });
});

describe('an entry that is not as it was written', () => {
  const text = JSON.stringify({ secret: 'text', more: 'x'.repeat(100) });
  const entry = encrypt('ca/material', { version: 7, text }, key('a'));
  const open = (stored: Json, name = 'ca/material'): string => decrypt(name, stored, [key('a')], 'it').text;

  it('is refused, whichever byte is another', () => {
    expect(open(entry)).toBe(text);
    const members = ['version', 'key', 'iv', 'data'] as const;
    const record: { readonly [name: string]: Json } = { ...(entry as object) };
    fc.assert(
      fc.property(fc.constantFrom(...members), fc.nat(), fc.integer({ min: 1, max: 255 }), (member, at, by) => {
        const value = record[member];
        const bytes = Buffer.from(String(value), member === 'iv' || member === 'data' ? 'base64url' : 'utf8');
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ by;
        const other =
          member === 'version'
            ? Number(value) + by
            : bytes.toString(member === 'iv' || member === 'data' ? 'base64url' : 'utf8');
        expect(() => open({ ...record, [member]: other })).toThrow();
      }),
      { numRuns: 500 },
    );
  });

  it('is refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => open(value as Json)).toThrow('damaged');
      }),
      { numRuns: 300 },
    );
  });

  it('is refused under another name, or cut', () => {
    expect(() => open(entry, 'ca/other')).toThrow('damaged');
    const { data, ...rest }: { readonly [name: string]: Json } = { ...(entry as object) };
    for (const length of [0, 1, 10, 21, 22])
      expect(() => open({ ...rest, data: String(data).slice(0, length) })).toThrow('damaged');
  });

  it('is never taken for none', async () => {
    const table = tableOf();
    await table.set(vaultKey, { version: 1, key: 'id-a', iv: 'AAAA', data: 'AAAA' });
    const vault = vaultOn(table);
    await expect(vault.isEmpty()).rejects.toThrow('damaged');
    await expect(vault.add('root', caMaterial('mine'))).rejects.toThrow('damaged');
  });

  it('is refused if it is older than what this process saw, or gone', async () => {
    const table = tableOf();
    const vault = vaultOn(table);
    await vault.add('root', caMaterial('root'));
    const old = await table.get(vaultKey);
    await vault.add('issuers/000001', caMaterial('one'));
    await table.set(vaultKey, old ?? null);
    await expect(vault.load('root')).rejects.toThrow('older one: version 1 after 2');
    await table.delete(vaultKey);
    await expect(vault.load('root')).rejects.toThrow('is gone');
    await expect(vault.add('root', caMaterial('mine'))).rejects.toThrow('is gone');
  });
});

describe('a renewed secret', () => {
  it('encrypts, while the one before still decrypts, until it is not there any more', async () => {
    const table = tableOf();
    const material = caMaterial('root');
    await vaultOn(table, 'a').add('root', material);
    const both = vaultOn(table, 'b', 'a');
    expect((await both.load('root'))?.pem).toBe(material.pem);
    expect(await both.renewEncryption()).toBe(true);
    expect(await both.renewEncryption()).toBe(false);
    expect((await vaultOn(table, 'b').load('root'))?.pem).toBe(material.pem);
    await expect(vaultOn(table, 'a').load('root')).rejects.toThrow('another bootstrap secret');
  });
});

describe('of several control planes', () => {
  it('one renews, and what another one writes after it lost its turn is refused', async () => {
    const table = tableOf();
    let held: Fence | undefined = await table.acquire('renewal', 1000);
    const turn = { fence: () => held, watch: () => () => {} };
    const first = createCaVault({ table, secret: () => secretOf('a'), turn });
    expect(first.renews()).toBe(true);
    expect(await first.add('issuers/000001', caMaterial('one'), { renewal: true })).toBe(true);
    // It still believes that it has the turn; the lease has ended, and another one has it.
    clock.advance(1001);
    const other = await table.acquire('renewal', 60_000);
    expect(other).toBeDefined();
    await expect(first.add('issuers/000002', caMaterial('two'), { renewal: true })).rejects.toMatchObject({
      code: 'aborted',
    });
    held = undefined;
    expect(first.renews()).toBe(false);
    await expect(first.add('issuers/000002', caMaterial('two'), { renewal: true })).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(await first.names('issuers')).toEqual(['issuers/000001']);
  });

  it('each is told of what another one changed', async () => {
    const table = tableOf();
    const [one, other] = [vaultOn(table), vaultOn(table)];
    let told = 0;
    const end = one.watch(() => {
      told += 1;
    });
    await other.add('root', caMaterial('root'));
    await expect.poll(() => told).toBeGreaterThan(0);
    end();
  });
});

it('is filled once, with everything at the same time', async () => {
  const table = tableOf();
  const content = {
    cas: { root: caMaterial('root'), 'issuers/000001': caMaterial('one') },
    notes: { 'bundle.pem': 'x' },
  };
  const vaults = [vaultOn(table), vaultOn(table), vaultOn(table)];
  expect((await Promise.all(vaults.map((vault) => vault.fill(content)))).filter(Boolean)).toHaveLength(1);
  expect(await vaultOn(table).names('issuers')).toEqual(['issuers/000001']);
  expect(await vaultOn(table).note('bundle.pem')).toBe('x');
});
