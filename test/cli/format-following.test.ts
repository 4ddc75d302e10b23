// The lines of `cellwall status` between a cell's own control plane and its parent.
import { expect, it } from 'vitest';
import { statusSchema } from '../../src/admin/wire.ts';
import { followingRows } from '../../src/cli/output/format-following.ts';

const now = Date.UTC(2026, 0, 1);
const status = (more: object) =>
  statusSchema.parse({
    ...{ version: '1', ready: true, reasons: [], problems: [], startedAt: now },
    ...{ proxies: { connected: 0, held: 0, gone: 0, rejecting: 0 }, ...more },
  });
const parent = { parent: 'p:1', connected: true, since: now - 60_000, heardAt: now, replaced: { count: 0 } };

it('says nothing where nobody follows', () => {
  expect(followingRows(status({}), now)).toEqual([]);
});

it('shows the parent, and what is not as it should be', () => {
  const [[, well = ''] = []] = followingRows(
    status({ parent: { ...parent, version: '2.0.0', revision: 7, inForce: 7 } }),
    now,
  );
  expect(well).toMatch(/^p:1: connected since 1m ago, version 2\.0\.0, its revision 7 in force here$/);
  const replaced = { count: 3, last: { at: now - 1000, documents: ['Service/a\u001b[31m'] } };
  const rows = followingRows(
    status({ parent: { ...parent, connected: false, revision: 8, inForce: 7, replaced } }),
    now,
  );
  expect(rows[0]?.[1]).toMatch(/NOT CONNECTED since .*last heard .*its revision 8 NOT IN FORCE here$/);
  expect(rows[1]).toEqual(['replaced', expect.stringContaining('3 changed here')]);
  expect(rows[1]?.[1]).not.toContain('\u001b');
});

it('shows the followers', () => {
  const followers = [{ cell: 'cell-1', address: '10.0.0.1', since: now - 60_000, revision: 7 }];
  expect(followingRows(status({ followers }), now)).toEqual([
    ['followers', expect.stringMatching(/^cell-1 \(10\.0\.0\.1, since 1m ago, revision 7\)$/)],
  ]);
  const old = followers.map((one) => ({ ...one, takesPart: false }));
  expect(followingRows(status({ followers: old }), now)[0]?.[1]).toMatch(/revision 7, of an EARLIER VERSION/);
});
