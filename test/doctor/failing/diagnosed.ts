// What the tests of failing calls have in common: after a call, `doctor` is asked as somebody would who knows only who called whom.
import { expect } from 'vitest';
import type { DiagnosisAnswer } from '../../../src/admin/wire-doctor.ts';
import { formatDiagnosis } from '../../../src/cli/output/format-diagnosis.ts';
import { defined } from '../../../src/lib/defined.ts';
import { eventually } from '../../support/eventually.ts';
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

/** Asks until the likeliest cause is that one: fails with what it said last. */
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
      return cause.split('|').includes(last.findings[0]?.cause ?? '') ? last : undefined;
    },
    patienceMs,
  ).catch((reason: unknown) => {
    throw new Error(`${reason}; it said: ${JSON.stringify(last, undefined, 1)}`, { cause: reason });
  });
  const [first] = found.findings;
  expect(found.verdict).not.toBe('fine');
  expect(first?.weight).not.toBe('note');
  expect(first?.what).toMatch(what);
  expect(first?.toDo).toMatch(toDo);
  const text = formatDiagnosis(found);
  expect(text).toContain(`1. ${first?.what}`);
  expect(text).toContain(`do: ${first?.toDo}`);
  expect(text).not.toContain('secret');
  return found;
}
