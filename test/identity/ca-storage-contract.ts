// What every place for the CA's keys does alike. A case opens one anew, and the same one again, as another control plane or a later process
// does.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CaMaterial } from '../../src/identity/ca/ca-files.ts';
import { type CaStorage, under } from '../../src/identity/ca/ca-storage.ts';
import { createCertificate, signingKeyOf } from '../../src/identity/ca/certificate.ts';
import { domainOf } from '../support/identity-harness.ts';

export interface CaStorageCase {
  /** One in which there is nothing yet, and how it is opened again. */
  open(): Promise<{ readonly storage: CaStorage; again(): Promise<CaStorage> }>;
}

export function caMaterial(commonName: string): CaMaterial {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { pem } = createCertificate({
    ...{ signingKey: signingKeyOf(privateKey), publicKey, uri: `spiffe://${domainOf('td1')}`, commonName, ca: {} },
    ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) },
  });
  return { pem, keyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

export function caStorageContract(name: string, { open }: CaStorageCase): void {
  describe(`${name}, as a place for the CA's keys`, () => {
    it('has nothing at first', async () => {
      const { storage } = await open();
      expect(await storage.names('issuers')).toEqual([]);
      expect(await storage.load('root')).toBeUndefined();
      expect(await storage.note('bundle.pem')).toBeUndefined();
      expect(storage.where('root')).toContain('root');
    });

    it('has a CA for everybody once it was added, and does not replace it', async () => {
      const { storage, again } = await open();
      const [first, second] = [caMaterial('first'), caMaterial('second')];
      expect(await storage.add('root', first)).toBe(true);
      expect(await storage.add('root', second)).toBe(false);
      for (const one of [storage, await again()]) {
        const loaded = await one.load('root');
        expect(loaded?.pem).toBe(first.pem);
        expect(loaded?.key.export({ format: 'pem', type: 'pkcs8' })).toBe(first.keyPem);
      }
    });

    it('removes one for everybody, and what was never there; the name may be used again', async () => {
      const { storage, again } = await open();
      await storage.add('roots/0123456789abcdef', caMaterial('first'));
      await storage.changeNote('roots.json', undefined, 'second');
      await storage.remove('roots/0123456789abcdef', { note: 'roots.json', is: 'first' });
      expect((await (await again()).load('roots/0123456789abcdef'))?.pem).toContain('BEGIN');
      const provided = { note: 'roots.json', is: 'second' };
      await storage.remove('roots/0123456789abcdef', provided);
      await storage.remove('roots/none', provided);
      for (const one of [storage, await again()]) {
        expect(await one.load('roots/0123456789abcdef')).toBeUndefined();
        expect(await one.names('roots')).toEqual([]);
      }
      expect(await storage.add('roots/0123456789abcdef', caMaterial('second'))).toBe(true);
    });

    it('has one of several that are added at once, from wherever', async () => {
      const { storage, again } = await open();
      const places = [storage, await again(), storage, await again()];
      const given = places.map((_, index) => caMaterial(`ca ${index}`));
      const won = await Promise.all(places.map((one, index) => one.add('root', given[index] ?? caMaterial('none'))));
      expect(won.filter(Boolean)).toHaveLength(1);
      for (const one of places) expect((await one.load('root'))?.pem).toBe(given[won.indexOf(true)]?.pem);
    });

    it('lists those of one folder, in order, with none lost that was added at the same time', async () => {
      const { storage, again } = await open();
      const other = await again();
      const names = ['000003', '000001', '000010', '000002'];
      await storage.add('root', caMaterial('root'));
      await Promise.all(
        names.map((number, index) => (index % 2 === 0 ? storage : other).add(`issuers/${number}`, caMaterial(number))),
      );
      for (const one of [storage, other]) {
        expect(await one.names('issuers')).toEqual([...names].sort().map((number) => `issuers/${number}`));
        expect(await under(one, 'issuers').names('')).toEqual([...names].sort());
        expect(await one.names('other')).toEqual([]);
      }
    });

    it('changes a note only from what it was', async () => {
      const { storage, again } = await open();
      expect(await storage.changeNote('state', 'other', 'one')).toBe(false);
      expect(await storage.changeNote('state', undefined, 'one')).toBe(true);
      expect(await storage.changeNote('state', undefined, 'two')).toBe(false);
      expect(await (await again()).note('state')).toBe('one');
      expect(await storage.changeNote('state', 'one', 'two')).toBe(true);
      expect(await (await again()).note('state')).toBe('two');
      expect(await storage.changeNote('state', 'two', undefined)).toBe(true);
      expect(await (await again()).note('state')).toBeUndefined();
    });

    it('has a mark that is empty, beside a CA', async () => {
      const { storage, again } = await open();
      await storage.add('issuers/000001', caMaterial('one'));
      expect(await storage.changeNote('issuers/000001/retired', undefined, '')).toBe(true);
      expect(await (await again()).note('issuers/000001/retired')).toBe('');
      expect(await storage.names('issuers')).toEqual(['issuers/000001']);
      expect(await storage.load('issuers/000001')).toBeDefined();
    });

    it('does not load a key that is not that of its certificate', async () => {
      const { storage } = await open();
      await storage.add('root', { pem: caMaterial('one').pem, keyPem: caMaterial('two').keyPem });
      await expect(storage.load('root')).rejects.toMatchObject({ code: 'failed_precondition' });
    });
  });
}
