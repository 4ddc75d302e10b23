// Files' texts → documents, or every problem in any of them. Pure; files that did not change are not parsed again.
import { duplicateDocuments } from '../../model/duplicate-documents.ts';
import { asOwnFile } from '../../model/own-file.ts';
import { parseDocuments } from '../../model/parse.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { sortDocuments } from '../plan-changes.ts';
import type { StateCheck } from '../store.ts';
import type { DocumentFile } from './edit-files.ts';

export interface JudgedFiles {
  readonly texts: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, DocumentFile>;
  /** All documents, sorted by key. */
  readonly documents: readonly ParsedDocument[];
  /** Errors only; without any the files may come into force. */
  readonly problems: readonly Problem[];
}

/** `judgeFiles`, but the same texts over the same known ones are judged once: an edit that waits is read again and again. */
export function createJudge(
  check: StateCheck,
): (texts: JudgedFiles['texts'], known: JudgedFiles | undefined) => JudgedFiles {
  let last: { readonly known: JudgedFiles | undefined; readonly judged: JudgedFiles } | undefined;
  return (texts, known) => {
    if (last === undefined || last.known !== known || !sameTexts(last.judged.texts, texts)) {
      last = { known, judged: judgeFiles(texts, known, check) };
    }
    return last.judged;
  };
}

function sameTexts(one: JudgedFiles['texts'], other: JudgedFiles['texts']): boolean {
  return one.size === other.size && [...one].every(([name, text]) => other.get(name) === text);
}

export function judgeFiles(
  texts: ReadonlyMap<string, string>,
  known: JudgedFiles | undefined,
  check: StateCheck,
  /** Documents by their text, that were just parsed: a file that holds one of them is not parsed again. */
  made: ReadonlyMap<string, ParsedDocument> = new Map(),
): JudgedFiles {
  const files = new Map<string, DocumentFile>();
  const problems: Problem[] = [];
  for (const [path, text] of texts) {
    const same = known?.files.get(path);
    if (same?.text === text) {
      files.set(path, same);
      continue;
    }
    const written = made.get(text);
    const own = written && asOwnFile(written, path);
    if (own !== undefined) {
      files.set(path, { text, documents: [own] });
      continue;
    }
    const parsed = parseDocuments(text, path);
    if (parsed.kind === 'parsed') files.set(path, { text, documents: parsed.documents });
    else problems.push(...parsed.problems);
  }
  const written = [...files.values()].flatMap(({ documents }) => documents);
  problems.push(...duplicateDocuments(written));
  const documents = sortDocuments(written);
  // A folder without documents is where everybody begins: the first apply fills it. One that lost them is the store's to refuse.
  if (problems.length === 0 && documents.length > 0) {
    problems.push(...check(documents).filter(({ severity }) => severity === 'error'));
  }
  return { texts, files, documents, problems };
}
