// Finds the place of a problem in another copy of its document: in the file that an operator sent, when the store has its own copy. Pure.
import type { ParsedDocument } from './parsed-document.ts';
import type { Problem, Source } from './problem.ts';

type Copy = Pick<ParsedDocument, 'key' | 'begins'>;

/** `from` and `to` contain the same texts. Problems of documents that `to` does not have stay where they are. */
export function relocate(problems: readonly Problem[], from: readonly Copy[], to: readonly Copy[]): readonly Problem[] {
  if (problems.length === 0) return problems;
  const targets = new Map(to.map(({ key, begins }) => [key, begins]));
  const files = new Map<string, Copy[]>();
  for (const copy of from) {
    const there = files.get(copy.begins.file);
    if (there === undefined) files.set(copy.begins.file, [copy]);
    else there.push(copy);
  }
  return problems.map((problem) => {
    const { source } = problem;
    const own = latest(files.get(source.file) ?? [], source);
    const target = own && targets.get(own.key);
    return own === undefined || target === undefined
      ? problem
      : { ...problem, source: moved(source, own.begins, target) };
  });
}

/** Of the documents in a file, the one that contains a place. */
function latest(copies: readonly Copy[], place: Source): Copy | undefined {
  let found: Copy | undefined;
  for (const copy of copies) {
    if (isBefore(copy.begins, place) && (found === undefined || isBefore(found.begins, copy.begins))) found = copy;
  }
  return found;
}

function isBefore(a: Source, b: Source): boolean {
  return a.line < b.line || (a.line === b.line && a.column <= b.column);
}

function moved({ line, column }: Source, from: Source, to: Source): Source {
  return {
    file: to.file,
    line: line - from.line + to.line,
    column: line === from.line ? column - from.column + to.column : column,
  };
}
