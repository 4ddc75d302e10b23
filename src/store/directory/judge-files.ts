// Files' texts → documents, or every problem in any of them. Pure; unchanged files are not parsed again.
import { inStep, sameKeys, withValues } from '../../lib/in-step.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import { duplicateDocuments } from '../../model/duplicate-documents.ts';
import { asOwnFile } from '../../model/own-file.ts';
import { parseAgain } from '../../model/parse-again.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { judgeOnce } from '../judge-once.ts';
import type { StateCheck } from '../judges.ts';
import { documentOf, type Edit, sortDocuments, withEdits } from '../plan-changes.ts';
import type { Judged } from '../store.ts';
import type { DocumentFile } from './edit-files.ts';

/** What the files say, each by itself. */
export interface DocumentFiles {
  readonly texts: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, DocumentFile>;
  /** All documents, sorted by key. */
  readonly documents: readonly ParsedDocument[];
  /** Why some cannot be read. */
  readonly unreadable: readonly Problem[];
}

/** Files that were judged together, if all could be read; without errors they may come into force. */
export interface JudgedFiles extends DocumentFiles, Judged {}

/**
 * Judges files. The same texts over the same known ones are judged only once (a waiting edit is read repeatedly), and what is already in
 * force is not judged again.
 */
export function createJudge(
  check: StateCheck,
  onParsed: OnParsed = () => {},
): (texts: DocumentFiles['texts'], known: DocumentFiles | undefined, inForce: Judged | undefined) => JudgedFiles {
  let last: { readonly known: DocumentFiles | undefined; readonly judged: JudgedFiles } | undefined;
  return (texts, known, inForce) => {
    const same = last !== undefined && (last.known === known || last.judged === known);
    if (last === undefined || !same || !sameTexts(last.judged.texts, texts)) {
      last = { known, judged: judgeFiles(readFiles(texts, known, { onParsed }), check, inForce) };
    }
    return last.judged;
  };
}

function sameTexts(one: DocumentFiles['texts'], other: DocumentFiles['texts']): boolean {
  return one.size === other.size && [...one].every(([name, text]) => other.get(name) === text);
}

/** Of `after`, what is another in `before`, or not there. */
function* differingValues<V>(before: ReadonlyMap<string, V>, after: ReadonlyMap<string, V>): Generator<[string, V]> {
  for (const { key, other } of inStep(before, after)) yield [key, other];
}

/** Called for each text that was parsed. */
export type OnParsed = () => void;

export interface ReadOptions {
  /** Documents that were just parsed, by their text: a file that holds one of them is not parsed again. */
  readonly made?: ReadonlyMap<string, ParsedDocument>;
  readonly onParsed?: OnParsed;
}

/** Of a known file, only the documents that have changed are parsed. */
export function readFiles(
  texts: DocumentFiles['texts'],
  known: DocumentFiles | undefined,
  { made = new Map(), onParsed = () => {} }: ReadOptions = {},
): DocumentFiles {
  const problems: Problem[] = [];
  const readOne = (path: string, text: string): DocumentFile | undefined => {
    const same = known?.files.get(path);
    if (same?.text === text) return same;
    const written = made.get(text);
    const own = written && asOwnFile(written, path);
    if (own !== undefined) return { text, documents: [own] };
    onParsed();
    const parsed = parseAgain(text, path, same?.documents ?? []);
    if (parsed.kind === 'parsed') return { text, documents: parsed.documents };
    problems.push(...parsed.problems);
    return undefined;
  };
  // Nearly always of the same files, in which little differs.
  const same =
    known?.files.size === known?.texts.size && sameKeys(known?.texts ?? new Map(), texts) ? known : undefined;
  const read = new Map<string, DocumentFile>();
  const failed: string[] = [];
  for (const [path, text] of same === undefined ? texts : differingValues(same.texts, texts)) {
    const file = readOne(path, text);
    if (file === undefined) failed.push(path);
    else read.set(path, file);
  }
  const files = same === undefined ? read : without(withValues(same.files, read), failed);
  const edited = known === undefined || problems.length > 0 ? undefined : documentsAfter(known, files);
  if (edited !== undefined) return { texts, files, documents: edited, unreadable: [] };
  const written = [...files.values()].flatMap(({ documents }) => documents);
  problems.push(...duplicateDocuments(written));
  return { texts, files, documents: sortDocuments(written), unreadable: problems };
}

function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): ReadonlyMap<string, V> {
  if (keys.length === 0) return map;
  const left = new Map(map);
  for (const key of keys) left.delete(key);
  return left;
}

/** From the known ones; undefined if they have to be gathered, because a document may be there twice. */
function documentsAfter(known: DocumentFiles, files: DocumentFiles['files']): readonly ParsedDocument[] | undefined {
  if (known.unreadable.length > 0) return undefined;
  const came = [...differingValues(known.files, files)].flatMap(([, { documents }]) => documents);
  const went = [...differingValues(files, known.files)].flatMap(([, { documents }]) => documents);
  const stay = new Set(went);
  const there = new Set(went.map(({ key }) => key));
  const edits = new Map<DocumentKey, Edit>(went.map(({ key }) => [key, { key }]));
  for (const document of came) {
    const { key } = document;
    const edit = edits.get(key);
    // In two of the files, or in one that did not change.
    if (edit?.document !== undefined || (!there.has(key) && documentOf(known.documents, key) !== undefined)) {
      return undefined;
    }
    edits.set(key, { key, document });
  }
  // Most of an edited file is as it was.
  const changes = [...edits.values()].filter(({ document }) => document === undefined || !stay.has(document));
  return withEdits(known.documents, changes);
}

/** A folder without documents is where everybody starts: the first apply fills it. If it lost them, the store refuses that. */
export function judgeFiles(read: DocumentFiles, check: StateCheck, inForce?: Judged): JudgedFiles {
  if (read.unreadable.length > 0 || read.documents.length === 0) return { ...read, problems: read.unreadable };
  return { ...read, ...judgeOnce(read.documents, check, [inForce]) };
}

/** The files whose text differs from the known one, including removed ones. */
export function changedFiles(texts: DocumentFiles['texts'], known: DocumentFiles | undefined): ReadonlySet<string> {
  const names = new Set([...texts.keys(), ...(known?.texts.keys() ?? [])]);
  return new Set([...names].filter((name) => known?.texts.get(name) !== texts.get(name)));
}
