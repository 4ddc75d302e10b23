// The audit log of a control plane, rewritten while it is stopped by somebody without the sealing key: every hash made anew, its end cut
// off, or all of it gone. `cellwall audit` says so after the restart, and after the next one.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { openAudit } from '../../../src/serve/open-audit.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { createMemoryTable } from '../../support/memory-table.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

let wall: ServeHarness | undefined;
afterEach(async () => {
  await wall?.stop();
  wall = undefined;
});

function rehashed(lines: readonly string[]): readonly string[] {
  let previous = '0'.repeat(64);
  return lines.map((line, index) => {
    const { time, event, seal } = JSON.parse(line);
    const text = JSON.stringify([index + 1, time, event]);
    previous = createHash('sha256').update(previous).update(text).update(seal).digest('hex');
    return JSON.stringify({ v: 2, number: index + 1, time, event, seal, hash: previous });
  });
}

const forgeries: readonly (readonly [what: string, forge: (lines: readonly string[]) => readonly string[]])[] = [
  ['nothing', (lines) => lines],
  ['one record changed', (lines) => rehashed(lines.map((line) => line.replace('service/api', 'service/web')))],
  ['one record taken out', (lines) => rehashed(lines.toSpliced(1, 1))],
  ['its end cut off', (lines) => lines.slice(0, -1)],
  ['all of it cut off', () => []],
];

test('every forgery is seen after a restart, and stays seen', async () => {
  const seen: string[] = [];
  for (const [what, forge] of forgeries) {
    wall = await startServe(
      yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('api'), serviceText('web')),
    );
    const file = join(wall.folder, 'data', 'audit.jsonl');
    for (const service of ['api', 'web', 'api']) await wall.admin.createToken({ service });
    await wall.restart(() => {
      const lines = forge(readFileSync(file, 'utf8').trimEnd().split('\n'));
      if (lines.length === 0) rmSync(file);
      else writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    });
    const after = await wall.admin.audit();
    await wall.admin.createToken({ service: 'web' });
    await wall.restart();
    const later = await wall.admin.audit();
    expect([what, later.intact]).toEqual([what, after.intact]);
    if (!later.intact) seen.push(what);
    await wall.stop();
    wall = undefined;
  }
  figure('forgeriesSeen', seen.length);
  expect(seen).toEqual(forgeries.slice(1).map(([what]) => what));
}, 60_000);

test('on a shared store, too: a folder that was moved is known by its own identity, and a second one is another', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cellwall-audit-'));
  const [first, moved, second] = ['first', 'moved', 'second'].map((name) => join(root, name));
  const table = createMemoryTable();
  const open = (data = '') =>
    openAudit({ data, store: { table: () => table }, shared: true, clock: systemClock, log: silentLog });
  for (const data of [first, second]) {
    mkdirSync(data ?? '', { mode: 0o700 });
    const log = await open(data);
    for (const nodeKey of ['a', 'b', 'c']) await log.append({ kind: 'host-evicted', author: 'test', nodeKey });
  }
  await eventually('both ends are kept', async () => (await table.list()).length === 2 || undefined);
  expect((await (await open(first)).read(0)).brokenAt).toBeUndefined();
  renameSync(first ?? '', moved ?? '');
  const file = join(moved ?? '', 'audit.jsonl');
  writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(0, -2).join('\n').concat('\n'));
  expect((await (await open(moved)).read(0)).brokenAt).toBe(3);
  expect((await (await open(second)).read(0)).brokenAt).toBeUndefined();
  rmSync(root, { recursive: true });
});
