// What every attestor holds, whatever its evidence is. A new one runs this suite with a case of its own.
import { describe, expect, it } from 'vitest';
import type { Attestor } from '../../src/identity/attestor/attestor.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { isAttestorName, keysOf } from '../../src/model/attestors.ts';
import { tokenKey } from '../../src/model/evidence.ts';

type Evidence = Readonly<Record<string, unknown>>;

export interface AttestorCase {
  readonly attestor: Attestor;
  /** Evidence that proves something of the host with this node key; new at each call, where it can be. */
  prove(nodeKey: string): Promise<Evidence>;
  /** Evidence, of the same form, that proves nothing. */
  readonly forged: readonly Evidence[];
}

/** `setUp` makes a new one, with nothing redeemed, at each call. */
export function attestorContract(name: string, setUp: () => Promise<AttestorCase>): void {
  describe(`the attestor ${name}`, () => {
    it('proves values of its own keys, and never names an identity of its choice', async () => {
      const { attestor, prove } = await setUp();
      const proved = await attestor.attest(await prove('a'), { nodeKey: 'a' });
      expect(Object.keys(proved).filter((key) => !['attestor', 'values', 'notAfter'].includes(key))).toEqual([]);
      expect(isAttestorName(proved.attestor)).toBe(true);
      const known = [...keysOf(proved.attestor), ...(proved.attestor === 'join-token' ? [tokenKey] : [])];
      expect(Object.keys(proved.values).filter((key) => !known.includes(key))).toEqual([]);
      expect(Object.values(proved.values).every((value) => typeof value === 'string')).toBe(true);
    });

    it('answers the same to the same evidence and node key', async () => {
      const { attestor, prove } = await setUp();
      const evidence = await prove('a');
      const first = await attestor.attest(evidence, { nodeKey: 'a' });
      expect(await attestor.attest(evidence, { nodeKey: 'a' })).toEqual(first);
    });

    it('answers nothing to another node key', async () => {
      const { attestor, prove } = await setUp();
      const evidence = await prove('a');
      await attestor.attest(evidence, { nodeKey: 'a' });
      await expect(attestor.attest(evidence, { nodeKey: 'b' })).rejects.toMatchObject({ code: 'unauthenticated' });
    });

    it('answers nothing without evidence, nor to what it cannot read, and quotes none of it', async () => {
      const { attestor, forged } = await setUp();
      const odd: unknown[] = [undefined, null, 7, '', 'x'.repeat(100_000), [], {}, '{"a":', '\u0000'];
      const fields = new Set(forged.flatMap((one) => Object.keys(one)));
      const all = [
        {},
        ...forged,
        ...odd.map((value) => Object.fromEntries([...fields].map((field) => [field, value]))),
      ];
      for (const evidence of all) {
        const reason: unknown = await attestor.attest(evidence, { nodeKey: 'stranger' }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(reason).toBeInstanceOf(CellwallError);
        expect(['unauthenticated', 'invalid_argument']).toContain(CellwallError.from(reason).code);
        for (const value of Object.values(evidence)) {
          if (typeof value === 'string' && value.length > 5) expect(String(reason)).not.toContain(value);
        }
      }
    });
  });
}
