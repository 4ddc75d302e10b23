// Prints a failure in the same way for every command: for people on stderr; with -o json or yaml also on stdout, as `{error: {…}}`, in
// place of the data.
import type { InvalidAnswer } from '../../admin/client.ts';
import type { CutOverRow } from '../../admin/wire-record.ts';
import { defined } from '../../lib/defined.ts';
import { escapeLine } from '../../lib/escape.ts';
import type { Problem } from '../../model/problem.ts';
import type { CliIo } from '../io.ts';
import { type Format, print } from './print.ts';
import { countProblems, type NamedText, printProblems } from './problems.ts';

export interface Failure {
  /** One of the codes in lib/errors.ts, or `invalid_documents`. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly problems?: readonly Problem[];
  /** Why the gate refuses to make services strict. */
  readonly reasons?: readonly CutOverRow[];
}

export async function printFailure(
  io: Pick<CliIo, 'stdout' | 'stderr'>,
  format: Format,
  failure: Failure,
): Promise<void> {
  io.stderr.write(`error: ${escapeLine(failure.message)}\n`);
  if (failure.hint !== undefined) io.stderr.write(`  hint: ${escapeLine(failure.hint)}\n`);
  await printError(io, format, failure);
}

/** Documents with problems: each with its line in `files`, and how many there are. */
export async function printInvalid(
  io: Pick<CliIo, 'stdout' | 'stderr'>,
  format: Format,
  { problems, message }: Pick<InvalidAnswer, 'problems' | 'message'>,
  { files = [], outcome }: { readonly files?: readonly NamedText[]; readonly outcome: string },
): Promise<void> {
  if (format === 'table') printProblems(io, problems, files);
  io.stderr.write(`${countProblems(problems)}: ${outcome}\n`);
  await printError(io, format, { code: 'invalid_documents', message, problems });
}

export async function printError(io: Pick<CliIo, 'stdout'>, format: Format, failure: Failure): Promise<void> {
  const { code, message, hint, problems, reasons } = failure;
  const error = {
    ...{ code, message },
    ...defined({ hint, problems, reasons }),
  };
  await print(io, format, { value: { error }, table: () => '' });
}
