// Files that can be read but are incomplete: one that had documents and now has none, and one that was cut off in place. Their last good
// content is kept, however long that takes. Pure.
import type { Problem } from '../../model/problem.ts';
import type { DocumentFiles } from './judge-files.ts';
import type { DirectoryContent } from './read-directory.ts';

/** `accepted`: what was read when `known` was adopted, if that was in this run. */
export function keepsLastGood(
  known: DocumentFiles | undefined,
  accepted: DirectoryContent | undefined,
  content: DirectoryContent,
  read: DocumentFiles,
): readonly Problem[] {
  const there = new Set(read.documents.map(({ key }) => key));
  const problems: Problem[] = [];
  for (const [file, { text: before, documents }] of known?.files ?? []) {
    const now = read.files.get(file);
    if (now === undefined || now.text === before || documents.length === 0) continue;
    const source = { file, line: 1, column: 1 };
    if (now.documents.length === 0 && documents.some(({ key }) => !there.has(key))) {
      const message = `the file had ${count(documents.length)} and now has none: they stay in force`;
      const hint = 'is it being written? To remove documents, remove the file, or use cellwall delete';
      problems.push({ severity: 'error', code: 'file-emptied', message, hint, source });
    } else if (cut(before, now.text) && sameFile(accepted, content, file)) {
      const message = 'the file is the beginning of what it was: it may have been cut, so what it said stays in force';
      const hint =
        'write the whole text beside it and rename it over the file (mv does); or, if the end is to go, write a line "# end" in its place';
      problems.push({ severity: 'error', code: 'file-cut', message, hint, source });
    }
  }
  return problems;
}

/** More than blanks and comments is missing at the end, and nothing else has changed. */
function cut(before: string, now: string): boolean {
  if (now.length >= before.length || !before.startsWith(now)) return false;
  return before
    .slice(now.length)
    .split('\n')
    .some((line, index) => {
      const inLine = index === 0 && now !== '' && !now.endsWith('\n');
      return line.trim() !== '' && (inLine || !/^\s*#|^(---|\.\.\.)\s*$/.test(line));
    });
}

/** Written in place. What a rename, or delete and create, has put there is another file. */
function sameFile(accepted: DirectoryContent | undefined, content: DirectoryContent, file: string): boolean {
  const inode = accepted?.files.get(file)?.inode;
  return inode !== undefined && inode === content.files.get(file)?.inode;
}

function count(number: number): string {
  return number === 1 ? 'a document' : `${number} documents`;
}

/** An empty directory where documents were is a mistake until `apply` says otherwise. */
export function vanished(file: string): Problem {
  return {
    severity: 'error',
    code: 'documents-vanished',
    message: 'all documents are gone at once',
    hint: 'is the volume mounted? To really remove everything, use cellwall delete',
    source: { file, line: 1, column: 1 },
  };
}
