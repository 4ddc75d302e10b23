// What the tests of failing calls have in common: after a call, `doctor` is asked as somebody would who knows only who called whom.
import { basename } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { DiagnosisAnswer } from '../../../src/admin/wire-doctor.ts';
import { formatDiagnosis } from '../../../src/cli/output/format-diagnosis.ts';
import { defined } from '../../../src/lib/defined.ts';
import { createRandom } from '../../qualification/explain/random.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import type { ServeHarness } from '../../support/serve-harness.ts';

export interface Expected {
  /** That of the likeliest cause; several, with `|`, where it depends on who looks first. */
  readonly cause: string;
  /** What is asked about. Default: nothing, so the last call that failed. */
  readonly path?: string;
  readonly what: RegExp;
  readonly toDo: RegExp;
}

/** Logs arrive in batches. */
const patienceMs = 20_000;

/** Asks until that is the likeliest cause: fails with what it said last. */
export async function diagnosed(
  { admin }: Pick<ServeHarness, 'admin'>,
  caller: string,
  target: string,
  { cause, path, what, toDo }: Expected,
): Promise<DiagnosisAnswer> {
  let last: DiagnosisAnswer | undefined;
  const found = await eventually(
    cause,
    async () => {
      last = await admin.doctor({ caller, target, ...defined({ path }) });
      const [first] = last.findings;
      // Before the log has come, it may be there as a note, or that of an earlier call.
      const isIt = first !== undefined && first.weight !== 'note' && cause.split('|').includes(first.cause);
      return isIt && what.test(first.what) && toDo.test(first.toDo) ? last : undefined;
    },
    patienceMs,
  ).catch((reason: unknown) => {
    const wanted = `${what}, ${toDo}`;
    throw new Error(`${reason}; wanted ${wanted}; it said: ${JSON.stringify(last, undefined, 1)}`, { cause: reason });
  });
  const [first] = found.findings;
  expect(found.verdict).not.toBe('fine');
  const text = formatDiagnosis(found);
  expect(text).toContain(`1. ${first?.what}`);
  expect(text).toContain(`do: ${first?.toDo}`);
  expect(text).not.toContain('secret');
  if (path === undefined) await shown(admin, found, cause);
  return found;
}

/** The page asks every four seconds: with that, it has it within ten. */
const shownMs = 6000;
let worstMs = 0;

/** The page says so as well, without anybody asking about that edge. */
async function shown(admin: ServeHarness['admin'], { caller, target }: DiagnosisAnswer, cause: string): Promise<void> {
  let last: unknown;
  // As the map has it.
  const who = caller === 'anonymous' ? 'plaintext' : caller;
  const began = performance.now();
  await eventually(
    `${cause} on the page`,
    async () => {
      const { edges } = await admin.troubles();
      const own = edges.find(
        ({ from, to, port }) => from === who && (port === undefined ? to : `${to}:${port}`) === target,
      );
      last = own ?? edges.map(({ from, to }) => `${from} ${to}`);
      return own?.findings.some((one) => cause.split('|').includes(one.cause)) || undefined;
    },
    shownMs,
  ).catch((reason: unknown) => {
    throw new Error(`${reason}; it showed: ${JSON.stringify(last, undefined, 1)}`, { cause: reason });
  });
  worstMs = Math.max(worstMs, Math.round(performance.now() - began));
  // Each test file has a process of its own.
  const file = basename(expect.getState().testPath ?? '', '.test.ts');
  figure(`${file}ShownOnPageWorstMs`, worstMs);
}

/** All of them in a qualification, elsewhere a few that the seed chooses, in their order. */
export function tried<T>(rows: readonly T[], count: number): readonly T[] {
  if (qualifying) return rows;
  const chosen = new Set(createRandom(fc.readConfigureGlobal().seed ?? Date.now()).some(rows, count));
  return rows.filter((row) => chosen.has(row));
}
