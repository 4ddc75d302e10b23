// What every store must do. Each implementation's test hands in how to open one; `reopen` opens the same content again.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Json, sameJson } from '../../src/lib/table.ts';
import type { Problem } from '../../src/model/problem.ts';
import { changesBack } from '../../src/store/changes-back.ts';
import type { StateCheck } from '../../src/store/judges.ts';
import { nothingStored, type Store, type StoreEvent } from '../../src/store/store.ts';
import { cellYaml, keyOf, puts, serviceYaml } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** A second store on the same content, at the same time: another replica, or the same process again. */
  readonly another?: () => Promise<Store>;
  /** How long an entry of a table may be, in bytes. Absent: it does not say. */
  readonly maxEntryBytes?: number;
  readonly cleanup: () => Promise<void>;
}

/** Refuses services called "refused", and warns of "odd". */
const check: StateCheck = (documents) => ({
  problems: documents.flatMap((document): readonly Problem[] => {
    const { name } = document.document.metadata;
    const source = document.locate(['metadata', 'name']);
    if (name === 'refused') return [{ severity: 'error', code: 'refused', message: 'refused by the check', source }];
    return name === 'odd' ? [{ severity: 'warning', code: 'odd', message: 'odd', source }] : [];
  }),
});

const author = 'tester';

export function storeContract(name: string, open: (check: StateCheck) => Promise<StoreUnderTest>): void {
  describe(`${name}: the contract of a store`, () => {
    let under: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      under = await open(check);
      store = under.store;
    });
    afterEach(async () => {
      await store.close();
      await under.cleanup();
    });

    it('begins empty', () => {
      expect(store.state()).toEqual({ revision: 0, documents: [], problems: [] });
      expect(store.problems()).toEqual([]);
    });

    it('begins empty where an empty state would be refused, too: the first apply fills it', async () => {
      const source = { file: '', line: 1, column: 1 };
      const refusesNothing: StateCheck = (documents) => ({
        problems: documents.length > 0 ? [] : [{ severity: 'error', code: 'empty', message: 'empty', source }],
      });
      const fresh = await open(refusesNothing);
      try {
        expect(fresh.store.state()).toEqual({ revision: 0, documents: [], problems: [] });
        expect(fresh.store.problems()).toEqual([]);
        const applied = { kind: 'applied', revision: 1, changed: ['Cell/cell-1'], warnings: [] };
        expect(await fresh.store.apply(puts(cellYaml('cell-1', 1)), { author })).toEqual(applied);
        const emptied = fresh.store.apply([{ op: 'delete', key: keyOf('Cell/cell-1') }], { author });
        expect(await emptied).toMatchObject({ kind: 'invalid' });
      } finally {
        await fresh.store.close();
        await fresh.cleanup();
      }
    });

    it('counts revisions up by one, keeps the text with its comments, and sorts by key', async () => {
      const text = `# why it is here\n${cellYaml('cell-2', 2)}# the end\n`;
      expect(await store.apply(puts(text), { author })).toEqual({
        kind: 'applied',
        revision: 1,
        changed: ['Cell/cell-2'],
        warnings: [],
      });
      await store.apply(puts(cellYaml('cell-1', 1)), { author });
      const { revision, documents } = store.state() ?? nothingStored;
      expect(revision).toBe(2);
      expect(documents.map(({ key }) => key)).toEqual(['Cell/cell-1', 'Cell/cell-2']);
      expect(documents[1]?.text).toBe(text);
      expect(documents[1]?.document).toMatchObject({ kind: 'Cell', spec: { id: 2 } });
    });

    it('keeps the revision when nothing changes', async () => {
      await store.apply(puts(cellYaml('cell-1', 1)), { author });
      const events: StoreEvent[] = [];
      store.watch((event) => events.push(event));
      const unchanged = { kind: 'unchanged', revision: 1, warnings: [] };
      expect(await store.apply(puts(cellYaml('cell-1', 1)), { author })).toEqual(unchanged);
      expect(await store.apply([{ op: 'delete', key: keyOf('Cell/none') }], { author })).toEqual(unchanged);
      expect(await store.apply([], { author })).toEqual(unchanged);
      expect(events).toEqual([]);
    });

    it('applies all changes or none', async () => {
      await store.apply(puts(`${cellYaml('cell-1', 1)}---\n${cellYaml('cell-2', 2)}`), { author });
      const mixed = [
        ...puts(cellYaml('cell-1', 9)),
        ...puts(serviceYaml('refused')),
        { op: 'delete' as const, key: keyOf('Cell/cell-2') },
      ];
      const refused = await store.apply(mixed, { author });
      expect(refused).toMatchObject({
        kind: 'invalid',
        problems: [{ code: 'refused', source: { file: 'Service/refused', line: 3 } }],
      });
      expect(store.state()?.revision).toBe(1);
      expect(store.state()?.documents.map(({ text }) => text)).toEqual([cellYaml('cell-1', 1), cellYaml('cell-2', 2)]);
      const applied = await store.apply([...puts(cellYaml('cell-1', 9)), { op: 'delete', key: keyOf('Cell/cell-2') }], {
        author,
      });
      expect(applied).toMatchObject({ kind: 'applied', revision: 2, changed: ['Cell/cell-1', 'Cell/cell-2'] });
      expect(store.state()?.documents.map(({ text }) => text)).toEqual([cellYaml('cell-1', 9)]);
    });

    it('lets warnings pass, and tells them', async () => {
      const warnings = [{ code: 'odd', source: { file: 'Service/odd', line: 3, column: 18 } }];
      expect(await store.apply(puts(serviceYaml('odd')), { author })).toMatchObject({ kind: 'applied', warnings });
      expect(store.state()?.problems).toMatchObject([{ code: 'odd' }]);
      expect(await store.apply(puts(serviceYaml('odd')), { author })).toMatchObject({ kind: 'unchanged', warnings });
    });

    it('plans what an apply would come to, and then judges it no second time', async () => {
      let judged = 0;
      const counting = await open((documents) => {
        judged += 1;
        return check(documents);
      });
      try {
        const changes = [...puts(cellYaml('cell-1', 1)), ...puts(serviceYaml('odd'))];
        const planned = counting.store.plan(changes);
        expect(planned).toMatchObject({
          kind: 'next',
          base: { revision: 0, documents: [] },
          after: { documents: [{ key: 'Cell/cell-1' }, { key: 'Service/odd' }] },
          changed: ['Cell/cell-1', 'Service/odd'],
          problems: [{ code: 'odd', source: { file: 'Service/odd' } }],
        });
        expect(counting.store.state()?.revision).toBe(0);
        expect(await counting.store.apply(changes, { author })).toMatchObject({ kind: 'applied', revision: 1 });
        expect(judged).toBe(1);
        const wrong = counting.store.plan(puts(serviceYaml('refused')));
        expect(wrong).toMatchObject({ kind: 'invalid', problems: [{ code: 'odd' }, { code: 'refused' }] });
        expect(counting.store.plan(changes)).toMatchObject({ kind: 'unchanged', base: { revision: 1 } });
        expect(judged).toBe(2);
      } finally {
        await counting.store.close();
        await counting.cleanup();
      }
    });

    it('plans anew where something changed since', async () => {
      const changes = puts(cellYaml('cell-1', 2));
      const planned = store.plan(changes);
      await store.apply(puts(cellYaml('cell-1', 1)), { author });
      await store.apply(puts(cellYaml('cell-2', 2)), { author });
      expect(planned).toMatchObject({ kind: 'next', base: { revision: 0 } });
      expect(await store.apply(changes, { author })).toMatchObject({ kind: 'applied', revision: 3 });
      expect(store.state()?.documents.map(({ text }) => text)).toEqual([cellYaml('cell-1', 2), cellYaml('cell-2', 2)]);
    });

    it.each([
      ['no YAML', 'a: [', 'yaml-syntax'],
      ['another document', cellYaml('cell-2', 1), 'wrong-key'],
      ['no document', '# nothing\n', 'one-document'],
      ['two documents', `${cellYaml('cell-1', 1)}---\n${cellYaml('cell-2', 1)}`, 'one-document'],
      ['an unknown field', `${cellYaml('cell-1', 1)}bogus: 1\n`, 'unknown-field'],
    ])('refuses a put of %s', async (_, text, code) => {
      const result = await store.apply([{ op: 'put', key: keyOf('Cell/cell-1'), text }], { author });
      expect(result).toMatchObject({ kind: 'invalid', problems: [{ code, source: { file: 'Cell/cell-1' } }] });
      expect(store.state()?.revision).toBe(0);
    });

    it('refuses two changes of one document', async () => {
      const changes = [...puts(cellYaml('cell-1', 1)), ...puts(cellYaml('cell-1', 2))];
      expect(await store.apply(changes, { author })).toMatchObject({
        kind: 'invalid',
        problems: [{ code: 'duplicate-change' }],
      });
    });

    it('refuses a change made on another revision', async () => {
      await store.apply(puts(cellYaml('cell-1', 1)), { author, expectedRevision: 0 });
      await expect(store.apply(puts(cellYaml('cell-1', 2)), { author, expectedRevision: 0 })).rejects.toMatchObject({
        code: 'aborted',
      });
      expect(store.state()?.documents[0]?.text).toBe(cellYaml('cell-1', 1));
      expect(await store.apply(puts(cellYaml('cell-1', 2)), { author, expectedRevision: 1 })).toMatchObject({
        revision: 2,
      });
    });

    it('loses nothing of concurrent applies, and one of two with the same expectation wins', async () => {
      const many = Array.from({ length: 20 }, (_, index) =>
        store.apply(puts(cellYaml(`cell-${index}`, index + 1)), { author }),
      );
      const revisions = (await Promise.all(many)).map(({ kind, ...rest }) =>
        kind === 'applied' && 'revision' in rest ? rest.revision : -1,
      );
      expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      expect(store.state()?.documents).toHaveLength(20);
      const race = await Promise.allSettled(
        [1, 2].map((id) => store.apply(puts(cellYaml('raced', id)), { author, expectedRevision: 20 })),
      );
      expect(race.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    });

    it('tells watchers every state in order, before apply answers, with the urgent flag', async () => {
      const events: StoreEvent[] = [];
      const stop = store.watch((event) => events.push(event));
      store.watch(() => {
        throw new Error('a bad watcher');
      });
      await store.apply(puts(cellYaml('cell-1', 1)), { author });
      expect(events).toHaveLength(1);
      await store.apply(puts(cellYaml('cell-1', 2)), { author, urgent: true });
      expect(events).toMatchObject([
        { kind: 'state', urgent: false, state: { revision: 1 } },
        { kind: 'state', urgent: true, state: { revision: 2 } },
      ]);
      expect(events[1]).toMatchObject({ state: store.state() });
      stop();
      await store.apply(puts(cellYaml('cell-1', 3)), { author });
      expect(events).toHaveLength(2);
    });

    it('hands watchers a change once', async () => {
      const events: StoreEvent[] = [];
      store.watch((event) => events.push(event));
      await store.apply(puts(cellYaml('cell-1', 1)), { author });
      await store.apply(puts(cellYaml('cell-2', 2)), { author });
      // Anything late (a notice of our own write, a message of our own publish) would come before this.
      await new Promise((resolve) => setTimeout(resolve, 250));
      expect(events.map((event) => event.kind === 'state' && event.state.revision)).toEqual([1, 2]);
    });

    it('is found again as it was', async () => {
      if (under.another === undefined) return;
      await store.apply(puts(`${cellYaml('cell-1', 1)}---\n${serviceYaml('api', 'cell-1')}`), { author });
      const again = await under.another();
      expect(again.state()?.revision).toBe(1);
      expect(again.state()?.documents.map(({ key, text }) => [key, text])).toEqual(
        store.state()?.documents.map(({ key, text }) => [key, text]),
      );
      await again.close();
    });

    it('takes over the revision of another store, and counts on from there', async () => {
      const events: StoreEvent[] = [];
      store.watch((event) => events.push(event));
      const given = (revision: number) => ({ author, revision });
      expect(await store.apply(puts(cellYaml('cell-1', 1)), given(7))).toMatchObject({ kind: 'applied', revision: 7 });
      expect(await store.apply(puts(cellYaml('cell-1', 1)), given(9))).toMatchObject({ revision: 9 });
      expect(store.state()).toMatchObject({ revision: 9, documents: [{ key: 'Cell/cell-1' }] });
      // Not back, and not in place.
      expect(await store.apply(puts(cellYaml('cell-1', 2)), given(9))).toMatchObject({ revision: 10 });
      expect(await store.apply(puts(cellYaml('cell-1', 3)), { author })).toMatchObject({ revision: 11 });
      expect(events.map((event) => event.kind === 'state' && event.state.revision)).toEqual([7, 9, 10, 11]);
      expect((await store.history()).map(({ revision }) => revision)).toEqual([11]);
      const again = await under.another?.();
      if (again !== undefined) expect(again.state()?.revision).toBe(11);
      await again?.close();
    });

    describe('history', () => {
      it('knows of the last revisions what each changed, who did, and the way back', async () => {
        await store.apply(puts(cellYaml('cell-1', 1)), { author });
        await store.apply([...puts(cellYaml('cell-1', 7)), ...puts(cellYaml('cell-2', 2))], { author: 'other' });
        await store.apply([{ op: 'delete', key: keyOf('Cell/cell-1') }], { author });
        const history = await store.history();
        expect(history).toMatchObject([
          { revision: 3, author, changes: [{ key: 'Cell/cell-1', before: cellYaml('cell-1', 7) }] },
          {
            revision: 2,
            author: 'other',
            changes: [
              { key: 'Cell/cell-1', before: cellYaml('cell-1', 1), after: cellYaml('cell-1', 7) },
              { key: 'Cell/cell-2', after: cellYaml('cell-2', 2) },
            ],
          },
          { revision: 1, author, changes: [{ key: 'Cell/cell-1', after: cellYaml('cell-1', 1) }] },
        ]);
        expect(history[0]?.changes[0]).not.toHaveProperty('after');
        await store.apply(changesBack(history, 3, 1), { author, expectedRevision: 3 });
        expect(store.state()?.documents.map(({ text }) => text)).toEqual([cellYaml('cell-1', 1)]);
        expect(() => changesBack(history, 3, 3)).toThrow(/no earlier/);
        expect(() => changesBack(history.slice(0, 2), 3, 0)).toThrow(/not known any more/);
        expect(() => changesBack([], 1, 0)).toThrow(/no change is on record/);
      });

      it('is there again with the store', async () => {
        if (under.another === undefined) return;
        await store.apply(puts(cellYaml('cell-1', 1)), { author });
        await store.apply(puts(cellYaml('cell-1', 2)), { author });
        const again = await under.another();
        const history = await eventually('it is written', async () => {
          const found = await again.history();
          return found.length === 2 && found.every((revision) => revision.author !== undefined) ? found : undefined;
        });
        expect(history.map(({ revision }) => revision)).toEqual([2, 1]);
        await again.close();
      });
    });

    describe('tables', () => {
      it('keep an entry of any length that they take, and refuse the others where they are written', async () => {
        const { maxEntryBytes } = under;
        const table = store.table('long');
        const fits = 'é'.repeat(512 * 1024);
        await table.set('fits', fits);
        expect((await store.table('long').get('fits')) === fits).toBe(true);
        if (maxEntryBytes === undefined) return;
        const longer = 'é'.repeat(maxEntryBytes / 2);
        const fence = await table.acquire('job', 60_000);
        if (fence === undefined) throw new Error('nobody has it');
        for (const write of [
          () => table.set('a', longer),
          () => table.set('a', longer, { fence }),
          () => table.claim('a', longer),
          () => table.compareAndSet('a', undefined, longer),
        ]) {
          const message = expect.stringContaining('entry a of the table long is too long');
          await expect(write()).rejects.toMatchObject({ code: 'resource_exhausted', message });
        }
        expect(await table.get('a')).toBeUndefined();
        await table.delete('fits');
        expect(await table.list()).toEqual([]);
        await table.set('a', 1);
        expect(await table.get('a')).toBe(1);
      });

      it('keep JSON by key, apart from other tables', async () => {
        const table = store.table('leases');
        await table.set('b', { deep: [1, null, 'x'], flag: true });
        await table.set('a', 1);
        await table.set('a:*?[x]\\', 2);
        await table.set('gone', 1);
        await table.delete('gone');
        expect(await table.get('b')).toEqual({ deep: [1, null, 'x'], flag: true });
        expect(await table.get('gone')).toBeUndefined();
        expect(await table.get('toString')).toBeUndefined();
        expect(await store.table('leases').list()).toEqual([
          { key: 'a', value: 1 },
          { key: 'a:*?[x]\\', value: 2 },
          { key: 'b', value: { deep: [1, null, 'x'], flag: true } },
        ]);
        expect(await store.table('lease').list()).toEqual([]);
        const many = store.table('many');
        const all = Array.from({ length: 40 }, (_, number) => ({ key: `${number + 100}`, value: { number } }));
        for (const { key, value } of all) await many.set(key, value);
        const read: { readonly key: string; readonly value: Json }[] = [];
        for await (const entry of many.entries()) read.push(entry);
        expect(read.toSorted((a, b) => a.key.localeCompare(b.key))).toEqual(all);
        expect(await store.table('other').get('a')).toBeUndefined();
        expect(() => store.table('a/b')).toThrow(/table name/);
      });

      it('forget entries when their time is over', async () => {
        const table = store.table('tokens');
        await table.set('short', 1, { ttlMs: 40 });
        await table.claim('claimed', 1, { ttlMs: 40 });
        await table.set('long', 1, { ttlMs: 60_000 });
        await eventually('short expires', async () => ((await table.get('short')) === undefined ? true : undefined));
        await eventually('claimed expires', async () =>
          (await table.get('claimed')) === undefined ? true : undefined,
        );
        expect(await table.list()).toEqual([{ key: 'long', value: 1 }]);
        expect(await table.claim('claimed', 2)).toEqual({ won: true, value: 2 });
        await table.set('long', 2);
        expect(await table.get('long')).toBe(2);
      });

      it('are answered whole, with when their entries end', async () => {
        if (store.entries === undefined) return;
        await store.apply(puts(cellYaml('cell-1', 1)), { author });
        await store.table('leases').set('a', { deep: [1] }, { ttlMs: 60_000 });
        await store.table('leases').set('over', 1, { ttlMs: 1 });
        await store.table('nodes').set('b:c', 'text');
        await store.table('nodes').set('deleted', 1);
        await store.table('nodes').delete('deleted');
        await eventually(
          'it is over',
          async () => (await store.table('leases').get('over')) === undefined || undefined,
        );
        const entries = await store.entries();
        expect(entries.map(({ table, key }) => `${table} ${key}`)).toEqual([
          'history 000000000000001',
          'leases a',
          'nodes b:c',
        ]);
        expect(entries[2]).toEqual({ table: 'nodes', key: 'b:c', value: 'text' });
        expect(entries[1]?.value).toEqual({ deep: [1] });
        expect(Math.abs((entries[1]?.until ?? 0) - (Date.now() + 60_000))).toBeLessThan(20_000);
      });

      it('have one winner of a hundred claims', async () => {
        const other = await under.another?.();
        const tables = [store.table('claims'), (other ?? store).table('claims')];
        const claims = await Promise.all(
          Array.from({ length: 100 }, async (_, index) => tables[index % 2]?.claim('token', { index })),
        );
        const winners = claims.filter((claim) => claim?.won);
        expect(winners).toHaveLength(1);
        for (const claim of claims) expect(claim?.value).toEqual(winners[0]?.value);
        await other?.close();
      });

      it('lose no change by compare-and-set: of several at once one wins, and the others see it', async () => {
        const other = await under.another?.();
        const tables = [store.table('counts'), (other ?? store).table('counts')] as const;
        const [table] = tables;
        expect(await table.compareAndSet('n', 1, 2)).toBe(false);
        expect(await table.get('n')).toBeUndefined();
        const addOne = async (which: number): Promise<void> => {
          const mine = tables[which % 2] ?? table;
          for (;;) {
            const before = await mine.get('n');
            if (await mine.compareAndSet('n', before, Number(before ?? 0) + 1)) return;
          }
        };
        await Promise.all(Array.from({ length: 50 }, (_, index) => addOne(index)));
        expect(await table.get('n')).toBe(50);
        expect(await tables[1].get('n')).toBe(50);
        expect(await table.compareAndSet('n', 50, { b: [1], a: null })).toBe(true);
        expect(await tables[1].compareAndSet('n', { a: null, b: [1] }, undefined)).toBe(true);
        expect(await table.get('n')).toBeUndefined();
        expect(await table.compareAndSet('n', undefined, 'again')).toBe(true);
        await other?.close();
      });

      it('tell watchers each entry that changes, with its newest value, until they end it', async () => {
        const table = store.table('watched');
        const told = new Map<string, Json | undefined>();
        const end = table.watch(({ key, value }) => void told.set(key, value));
        table.watch(() => {
          throw new Error('a bad watcher');
        });
        const has = (key: string, value: Json | undefined) =>
          eventually(`${key} is told`, async () =>
            told.has(key) && sameJson(told.get(key), value) ? true : undefined,
          );
        await table.set('a', 1);
        await table.claim('b', 2);
        await has('a', 1);
        await has('b', 2);
        for (let value = 2; value <= 40; value += 1) await table.set('a', { value });
        await table.delete('b');
        await store.table('other').set('c', 1);
        await table.compareAndSet('d', undefined, 4);
        await has('a', { value: 40 });
        await has('b', undefined);
        await has('d', 4);
        expect([...told.keys()].toSorted()).toEqual(['a', 'b', 'd']);
        end();
        await table.set('a', 0);
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(told.get('a')).toEqual({ value: 40 });
      });

      it('write nothing under a lease that is lost: it ended, or somebody else has it', async () => {
        const other = await under.another?.();
        const table = store.table('fenced');
        const same = (other ?? store).table('fenced');
        const first = await table.acquire('job', 60_000);
        if (first === undefined) throw new Error('nobody held it');
        expect(await same.acquire('job', 60_000)).toBeUndefined();
        expect(await table.acquire('another-job', 60_000)).toBeDefined();
        await table.set('a', 1, { fence: first });
        expect(await table.renew(first, 60_000)).toBe(true);
        await table.release(first);
        const second = await eventually('it is free', async () => same.acquire('job', 60_000));
        expect(second.token).not.toBe(first.token);
        expect(await table.renew(first, 60_000)).toBe(false);
        await table.release(first);
        const fence = first;
        for (const write of [
          () => table.set('a', 2, { fence }),
          () => table.delete('a', { fence }),
          () => table.claim('b', 2, { fence }),
          () => table.compareAndSet('a', 1, 2, { fence }),
        ]) {
          await expect(write()).rejects.toMatchObject({ code: 'aborted' });
        }
        expect(await table.get('b')).toBeUndefined();
        expect(await same.get('a')).toBe(1);
        await same.set('a', 3, { fence: second });
        expect(await table.get('a')).toBe(3);
        await same.release(second);
        const short = await table.acquire('job', 30);
        if (short === undefined) throw new Error('nobody held it');
        await eventually('it ends', async () => same.acquire('job', 60_000));
        expect(await table.renew(short, 60_000)).toBe(false);
        await expect(table.set('a', 4, { fence: short })).rejects.toMatchObject({ code: 'aborted' });
        await other?.close();
      });
    });
  });
}
