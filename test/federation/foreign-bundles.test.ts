// Which bundle of a foreign trust domain is in force, whatever its endpoint answers, and when it is asked again.
import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatForeignBundles } from '../../src/cli/output/format-foreign-bundles.ts';
import type { FetchBundle, ForeignSource } from '../../src/identity/federation/fetch-bundle.ts';
import { readForeignBundle } from '../../src/identity/federation/foreign-bundle.ts';
import { createForeignBundles, type ForeignBundles } from '../../src/identity/federation/foreign-bundles.ts';
import { formatSpiffeBundle } from '../../src/identity/spiffe-bundle.ts';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Json, Table } from '../../src/lib/table.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { createTestCa } from '../support/test-ca.ts';

const trustDomain = 'partner.example' as TrustDomain;
const endpoint = { profile: 'https_web', url: 'https://partner.example/bundle' } as const;
const roots: string[] = [];
let ours: string;

beforeAll(async () => {
  const rootOf = async (name: string) => new X509Certificate((await createTestCa(name)).root).toString();
  ours = await rootOf('ours');
  for (const name of ['first', 'second', 'third']) roots.push(await rootOf(name));
});

const root = (index: number): string => roots[index] ?? '';
/** With a hint of 60 s unless another is given; `refresh: 0`: none that counts. */
function text(sequence: number | undefined, of: readonly string[], refresh = 60): string {
  const bundle = JSON.parse(formatSpiffeBundle({ sequence: sequence ?? 1, roots: of }));
  return JSON.stringify({ ...bundle, spiffe_sequence: sequence, spiffe_refresh_hint: refresh });
}

interface World {
  readonly clock: FakeClock;
  readonly table: Table;
  readonly bundles: ForeignBundles;
  /** What the endpoint answers next, or fails with. */
  answer: string | Error;
  asked: number;
  changes: number;
  inForce(): readonly string[];
  error(): string | undefined;
}

function world(source: ForeignSource, table: Table = createMemoryTable(), clock = createFakeClock()): World {
  const own = createWatched(createTrustBundle({ trustDomain: 'td1' as TrustDomain, sequence: 1, roots: [ours] }));
  const fetch: FetchBundle = async () => {
    made.asked += 1;
    if (made.answer instanceof Error) throw made.answer;
    return { text: made.answer, bundle: readForeignBundle(made.answer, trustDomain) };
  };
  const onChange = (): void => {
    made.changes += 1;
  };
  const bundles = createForeignBundles({ table, own, clock, log: silentLog, onChange, fetch, random: () => 0.5 });
  const made: World = {
    ...{ clock, table, bundles, answer: new Error('away'), asked: 0, changes: 0 },
    inForce: () => bundles.of(source)?.roots ?? [],
    error: () => bundles.status()[0]?.error?.message,
  };
  return made;
}

/** Lets what was begun go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a bundle of an endpoint', () => {
  const source: ForeignSource = { trustDomain, endpoint };

  it('is asked for by its refresh hint, and takes the place of the one before', async () => {
    const it = world(source);
    it.answer = text(1, [root(0)]);
    it.bundles.follow([source]);
    await settled();
    expect([it.asked, it.inForce(), it.changes]).toEqual([1, [root(0)], 1]);
    it.answer = text(2, [root(0), root(1)]);
    it.clock.advance(59_000);
    await settled();
    expect(it.asked).toBe(1);
    it.clock.advance(2000);
    await settled();
    expect([it.asked, it.inForce().length, it.changes]).toEqual([2, 2, 2]);
    expect(it.bundles.status()).toMatchObject([{ trustDomain, roots: 2, sequence: 2, failures: 0 }]);
  });

  it('is not asked for without pause, nor only after days, whatever the hint says', async () => {
    for (const [hint, pauseMs] of [
      [1, 10_000],
      [0, 300_000],
      [604_800, 3_600_000],
    ] as const) {
      const it = world(source);
      it.answer = text(1, [root(0)], hint);
      it.bundles.follow([source]);
      await settled();
      it.clock.advance(pauseMs - 1);
      await settled();
      expect([hint, it.asked]).toEqual([hint, 1]);
      it.clock.advance(1);
      await settled();
      expect([hint, it.asked]).toEqual([hint, 2]);
    }
  });

  it('stays while the endpoint fails, which is asked less and less often, and told', async () => {
    const it = world(source);
    it.answer = text(1, [root(0)]);
    it.bundles.follow([source]);
    await settled();
    it.answer = new Error('away');
    const times: number[] = [];
    for (let asked = it.asked; times.length < 6; asked = it.asked) {
      const from = it.clock.monotonic();
      while (it.asked === asked) {
        it.clock.advance(1000);
        await settled();
      }
      times.push(it.clock.monotonic() - from);
    }
    expect(times).toEqual([60_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    expect(it.inForce()).toEqual([root(0)]);
    expect([it.error(), it.bundles.status()[0]?.failures]).toEqual(['away', 6]);
    it.answer = text(1, [root(0)]);
    it.clock.advance(61_000);
    await settled();
    expect(it.error()).toBeUndefined();
  });

  it('is never an older one', async () => {
    const it = world(source);
    it.answer = text(5, [root(1)]);
    it.bundles.follow([source]);
    await settled();
    it.answer = text(4, [root(0)]);
    it.clock.advance(61_000);
    await settled();
    expect([it.inForce(), it.error()]).toEqual([[root(1)], 'the endpoint has an older bundle, of sequence 4']);
  });

  it('is nobody’s if it revokes all roots', async () => {
    const it = world(source);
    it.answer = text(1, [root(0)]);
    it.bundles.follow([source]);
    await settled();
    it.answer = '{"keys": [], "spiffe_sequence": 2}';
    it.clock.advance(61_000);
    await settled();
    expect([it.inForce(), it.changes]).toEqual([[], 2]);
  });

  it('with a key of ours is refused, whatever its certificate is named', async () => {
    const it = world(source);
    it.answer = text(1, [root(0), ours]);
    it.bundles.follow([source]);
    await settled();
    expect([it.inForce(), it.error()]).toEqual([[], 'a root of it has a key of this mesh, and could vouch for it']);
  });

  it('is there after a restart, before the endpoint is', async () => {
    const it = world(source);
    it.answer = text(7, [root(2)]);
    it.bundles.follow([source]);
    await settled();
    it.bundles.stop();
    const after = world(source, it.table);
    await after.bundles.restore();
    after.bundles.follow([source]);
    await settled();
    expect([after.inForce(), after.error()]).toEqual([[root(2)], 'away']);
    expect(after.bundles.status()[0]).toMatchObject({ sequence: 7, failures: 1 });
  });

  it('is shared by replicas, and none takes an older one from another', async () => {
    const table = createMemoryTable();
    const [one, other] = [world(source, table), world(source, table)];
    one.answer = text(3, [root(0)]);
    other.answer = text(2, [root(1)]);
    other.bundles.follow([source]);
    await settled();
    expect(other.inForce()).toEqual([root(1)]);
    one.bundles.follow([source]);
    await settled();
    await settled();
    expect([one.inForce(), other.inForce()]).toEqual([[root(0)], [root(0)]]);
    other.clock.advance(61_000);
    await settled();
    expect(other.inForce()).toEqual([root(0)]);
    const [entry] = await table.list();
    expect(readForeignBundle(String(Object(entry?.value).text), trustDomain).sequence).toBe(3);
  });

  it('of a damaged store counts as none', async () => {
    const entries = new Map<string, Json>([
      ['x', 'odd'],
      ['y', { trustDomain: 'not one', text: '{}', at: 1 }],
    ]);
    const it = world(source, createMemoryTable(entries));
    await it.bundles.restore();
    it.bundles.follow([source]);
    await settled();
    expect(it.inForce()).toEqual([]);
  });
});

it('of which two have a root of one key: both are in force, and people are told', async () => {
  const other = 'other.example' as TrustDomain;
  const it = world({ trustDomain });
  const both = [
    { trustDomain, inline: `${root(0)}${root(1)}` },
    { trustDomain: other, inline: root(1) },
    { trustDomain: 'third.example' as TrustDomain, inline: root(2) },
  ];
  it.bundles.follow(both);
  expect(both.map((one) => it.bundles.of(one)?.roots.length)).toEqual([2, 1, 1]);
  const [first, second, third] = it.bundles.status();
  expect([first?.sharesRootWith, second?.sharesRootWith, third?.sharesRootWith]).toEqual([
    [other],
    [trustDomain],
    undefined,
  ]);
  expect(formatForeignBundles(it.bundles.status(), 0)).toMatch(
    /partner\.example .* has a root key in common with other\.example/,
  );
});

describe('a document', () => {
  it('whose bundle is later than that of the endpoint stays in force', async () => {
    const source: ForeignSource = { trustDomain, inline: text(5, [root(0)]), endpoint };
    const it = world(source);
    it.answer = text(4, [root(1)]);
    it.bundles.follow([source]);
    await settled();
    expect([it.inForce(), it.error()]).toEqual([[root(0)], 'the endpoint has an older bundle, of sequence 4']);
    expect(await it.table.list()).toEqual([]);
    it.answer = text(6, [root(1)]);
    it.clock.advance(11_000);
    await settled();
    expect([it.inForce(), it.error()]).toEqual([[root(1)], undefined]);
  });

  it('has the bundle to begin with, which a fetched one replaces; another document begins anew', async () => {
    const source: ForeignSource = { trustDomain, inline: root(0), endpoint };
    const it = world(source);
    it.bundles.follow([source]);
    await settled();
    expect(it.inForce()).toEqual([root(0)]);
    it.answer = text(9, [root(1)]);
    it.clock.advance(11_000);
    await settled();
    expect(it.inForce()).toEqual([root(1)]);
    it.answer = new Error('away');
    const next = { ...source, inline: root(2) };
    it.bundles.follow([next]);
    await settled();
    expect(it.bundles.of(next)?.roots).toEqual([root(2)]);
    expect(await it.table.list()).toEqual([]);
  });

  it('without an endpoint asks nobody', async () => {
    const source: ForeignSource = { trustDomain, inline: root(0) };
    const it = world(source);
    it.bundles.follow([source]);
    await settled();
    it.clock.advance(86_400_000);
    await settled();
    expect([it.asked, it.inForce()]).toEqual([0, [root(0)]]);
  });

  it('that is gone is not asked for any more', async () => {
    const source: ForeignSource = { trustDomain, endpoint };
    const it = world(source);
    it.answer = text(1, [root(0)]);
    it.bundles.follow([source]);
    await settled();
    it.bundles.follow([]);
    it.clock.advance(3_600_000);
    await settled();
    expect([it.asked, it.bundles.status()]).toEqual([1, []]);
  });
});
