// Changes beyond the limits, through every door of a whole control plane: held with the reason, in force once they are confirmed.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { cellText, meshText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

let plane: ServeHarness;
afterEach(() => plane?.stop());

const cells = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => cellText(`c${from + index}`, from + index + 1));
const keys = (from: number, to: number) => cells(from, to).map((_, index) => `Cell/c${from + index}`);
const deletions = (from: number, to: number) => keys(from, to).map((key) => ({ op: 'delete' as const, key }));
const count = async () => (await plane.admin.documents()).documents.length;
const problems = async () => (await plane.admin.status()).problems;
const events = async () => (await plane.admin.audit()).records.map(({ event }) => event);

it('holds an apply that deletes much, also an urgent one and a rollback, until its code is given', async () => {
  plane = await startServe(yaml(meshText(), ...cells(0, 15)));
  const changes = deletions(0, 11);
  for (const urgent of [false, true]) {
    expect(await plane.admin.apply({ changes, urgent })).toMatchObject({
      kind: 'invalid',
      code: 'failed_precondition',
      message: 'held until it is confirmed, 1 reason: nothing was changed',
      hint: expect.stringContaining('--confirm mass-deletion'),
      problems: [{ code: 'mass-deletion', message: expect.stringContaining('11 of 16 documents') }],
    });
  }
  expect(await plane.admin.apply({ changes, confirm: ['growth'] })).toMatchObject({ kind: 'invalid' });
  expect(await count()).toBe(16);
  expect(await plane.admin.apply({ changes, dryRun: true })).toMatchObject({
    kind: 'dry-run',
    held: [{ code: 'mass-deletion' }],
  });
  const sure = await plane.admin.apply({ changes, dryRun: true, confirm: ['mass-deletion'] });
  expect(sure).toMatchObject({ kind: 'dry-run' });
  expect(sure).not.toHaveProperty('held');
  const done = await plane.admin.apply({ changes, confirm: ['mass-deletion'], reason: 'moved away' });
  expect(done).toMatchObject({ kind: 'applied', changed: keys(0, 11) });
  expect(await count()).toBe(5);
  await plane.apply(yaml(...cells(0, 12)));
  expect(await plane.admin.rollback({})).toMatchObject({ kind: 'invalid', problems: [{ code: 'mass-deletion' }] });
  expect(await plane.admin.rollback({ confirm: ['mass-deletion'] })).toMatchObject({ kind: 'applied' });
  expect(await events()).toMatchObject([
    // However often it was tried.
    {
      kind: 'change-waits',
      author: 'operator',
      keys: keys(0, 11),
      reasons: [expect.stringMatching(/^mass-deletion: /)],
    },
    { kind: 'change-confirmed', author: 'operator', codes: ['mass-deletion'], reason: 'moved away' },
    { kind: 'documents-applied' },
    { kind: 'documents-applied' },
    { kind: 'change-waits', author: 'operator' },
    { kind: 'change-confirmed', author: 'operator', codes: ['mass-deletion'] },
    { kind: 'documents-applied' },
    { kind: 'rolled-back' },
  ]);
  const { revisions } = await plane.admin.history();
  expect(revisions.map(({ confirmed }) => confirmed)).toEqual([['mass-deletion'], undefined, ['mass-deletion']]);
  expect(await plane.metrics()).toContain('\ncellwall_changes_held_total{reason="mass-deletion"} 4\n');
}, 120_000);

it('holds edited files, over a restart as well, and lets them in bit by bit or at once', async () => {
  plane = await startServe(yaml(meshText()), { limits: { 'deleted-percent': '0' } });
  const folder = join(plane.folder, 'documents');
  for (const [index, text] of cells(0, 15).entries()) writeFileSync(join(folder, `c${index}.yaml`), yaml(text));
  await eventually('all there', async () => (await count()) === 16 || undefined);
  for (let index = 0; index < 12; index++) rmSync(join(folder, `c${index}.yaml`));
  const held = await eventually('held', async () => (await problems())[0], 30_000);
  expect(held).toMatchObject({
    code: 'mass-deletion',
    message: expect.stringContaining('12 of 16 documents would be deleted at once: Cell/c0'),
    hint: expect.stringContaining('cellwall approve REV'),
  });
  await plane.restart();
  expect(await problems()).toMatchObject([{ code: 'mass-deletion' }]);
  expect(await count()).toBe(16);
  expect(await plane.metrics()).toContain('\ncellwall_document_problems 1\n');
  // What is held waits; what is applied meanwhile does not.
  await plane.apply(yaml(cellText('c20', 99)));
  expect(await count()).toBe(17);
  expect(await plane.admin.apply({ changes: deletions(0, 12) })).toMatchObject({ kind: 'invalid' });
  await plane.admin.apply({ changes: deletions(0, 12), confirm: ['mass-deletion'] });
  await eventually('in force', async () => ((await problems()).length === 0 && (await count()) === 5) || undefined);
  expect(readdirSync(folder).filter((name) => /^c1?\d\.yaml$/.test(name))).toEqual([
    'c12.yaml',
    'c13.yaml',
    'c14.yaml',
  ]);
}, 120_000);

it('lets edited files be put back', async () => {
  plane = await startServe(yaml(meshText(), ...cells(0, 60)));
  const file = join(plane.folder, 'documents', 'more.yaml');
  writeFileSync(file, yaml(...cells(60, 150)));
  expect(await eventually('held', async () => (await problems())[0], 30_000)).toMatchObject({ code: 'growth' });
  expect(await count()).toBe(61);
  rmSync(file);
  await eventually('well', async () => (await problems()).length === 0 || undefined, 30_000);
  writeFileSync(file, yaml(...cells(60, 150)));
  await eventually('held again', async () => (await problems())[0], 30_000);
  const { waiting } = await plane.admin.waiting();
  expect(waiting).toMatchObject([
    { origin: 'direct', author: 'outside', reasons: ['growth: from 61 to 151 documents at once'] },
  ]);
  const [{ rev, changes } = { rev: '', changes: [] }] = waiting;
  expect(changes).toHaveLength(90);
  await expect(plane.admin.reject({ revs: [rev] })).rejects.toMatchObject({ code: 'failed_precondition' });
  // An edit of the edit is another one, which nobody has looked at.
  writeFileSync(file, yaml(...cells(60, 149), cellText('c149', 999)));
  const other = await eventually(
    'held anew',
    async () => {
      const [found] = (await plane.admin.waiting()).waiting;
      return found?.rev === rev ? undefined : found?.rev;
    },
    30_000,
  );
  await expect(plane.admin.approve({ revs: [rev] })).rejects.toMatchObject({ code: 'not_found' });
  expect(await plane.admin.approve({ revs: [other], reason: 'meant' })).toMatchObject({ kind: 'applied' });
  expect((await events()).slice(-3).map(({ kind }) => kind)).toEqual([
    'change-confirmed',
    'documents-applied',
    'change-approved',
  ]);
  await eventually(
    'well',
    async () => ((await problems()).length === 0 && (await count()) === 151) || undefined,
    30_000,
  );
}, 120_000);
