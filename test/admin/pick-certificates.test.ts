// What `certs --expiring` and `--identity` leave of the log: what nobody renewed, and nothing that has a successor.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pickCertificates } from '../../src/admin/pick-certificates.ts';
import type { IssuedCertificate } from '../../src/admin/wire-certificates.ts';

const hour = 3_600_000;
const now = 100 * hour;
let serials = 0;
const certificate = (more: Partial<IssuedCertificate>): IssuedCertificate => ({
  ...{ purpose: 'svid-fetched', spiffeId: 'spiffe://td/a', serial: String(++serials) },
  ...{ notBefore: now - hour, notAfter: now + hour, nodeKey: 'k1' },
  ...more,
});

it('lists what ends soon and has no successor, of the same holder and for the same use', () => {
  const renewed = certificate({ notAfter: now + hour / 4 });
  const successor = certificate({ notAfter: now + 2 * hour });
  const sibling = certificate({ notAfter: now + hour / 4, nodeKey: 'k2' });
  const other = certificate({ notAfter: now + hour / 4, purpose: 'svid-pushed', requester: 'a~1' });
  const another = certificate({ notAfter: now + hour / 2, purpose: 'svid-pushed', requester: 'a~2' });
  const roots = [certificate({ purpose: 'ca-root', notAfter: now + hour / 3 }), certificate({ purpose: 'ca-root' })];
  const ended = certificate({ notAfter: now - 1, nodeKey: 'k3' });
  const all = [renewed, successor, sibling, other, another, ...roots, ended];
  const picked = (withinMs: number, more = {}) => pickCertificates(all, { withinMs, ...more }, now);
  expect(picked(hour / 2)).toEqual([sibling, other, another, roots[0]]);
  expect(picked(hour / 3)).toEqual([sibling, other, roots[0]]);
  expect(picked(hour / 2, { ended: true })).toEqual([sibling, other, another, roots[0], ended]);
  const endedRoot = certificate({ purpose: 'ca-root', notAfter: now - 1 });
  expect(pickCertificates([endedRoot, ended], {}, now)).toEqual([endedRoot]);
  expect(picked(3 * hour)).toContain(successor);
  expect(picked(hour / 2, { spiffeId: 'spiffe://td/b' })).toEqual([]);
});

it('never leaves a holder out whose last certificate ends in time, and takes none twice', () => {
  const row = fc
    .record({
      nodeKey: fc.constantFrom('k1', 'k2', 'k3'),
      spiffeId: fc.constantFrom('spiffe://td/a', 'spiffe://td/b'),
      left: fc.integer({ min: -5, max: 20 }),
    })
    .map(({ left, ...more }) => certificate({ ...more, notAfter: now + left * hour }));
  fc.assert(
    fc.property(fc.array(row, { maxLength: 30 }), fc.integer({ min: 0, max: 20 }), (all, hours) => {
      const picked = pickCertificates(all, { withinMs: hours * hour }, now);
      expect(new Set(picked).size).toBe(picked.length);
      const holder = ({ nodeKey, spiffeId }: IssuedCertificate): string => `${nodeKey} ${spiffeId}`;
      const expected = new Set<string>();
      for (const [name, own] of Map.groupBy(all, holder)) {
        const last = Math.max(...own.map(({ notAfter }) => notAfter));
        if (last > now && last <= now + hours * hour) expected.add(name);
      }
      expect(picked.map(holder).sort()).toEqual([...expected].sort());
    }),
  );
});
