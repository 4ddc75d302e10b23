// How long the files must have been quiet before what they say is taken. A file is half-written without knowing it: cut, it may name
// fewer denials or wider permissions than either the old text or the new one. Pure.
//
// - An edit that only adds documents waits `shortMs`: a second read, as nothing that is in force goes. Three times that for a
//   permission that is written in place, as the end that it lacks may be what bounds it.
// - A changed document waits `shortMs` if its file arrived whole: by a rename, or behind a link that was turned.
//   An edit of one file alone, put there whole, waits `wholeMs`: nothing of it can be on its way, and a writer of several files
//   shows the second before that.
// - What disappears (in whatever way: it may be on its way to another file), and what was changed in place, waits `longMs`: between
//   two pieces, or between delete and create, seconds may pass.
// Denials do not come here: denials-at-once.ts.
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { sameText } from '../plan-changes.ts';
import type { DocumentFiles } from './judge-files.ts';

export interface SettleTimes {
  readonly wholeMs: number;
  readonly shortMs: number;
  readonly longMs: number;
}

export interface Edit {
  /** What is in force of the files. */
  readonly before: readonly ParsedDocument[];
  readonly after: DocumentFiles;
  readonly arrivedWhole: (file: string) => boolean;
  /** The files whose text is another than what is in force of them. */
  readonly files: ReadonlySet<string>;
}

/** Milliseconds. 0: nothing changes. */
export function settleTime(
  { before, after, arrivedWhole, files }: Edit,
  { wholeMs, shortMs, longMs }: SettleTimes,
): number {
  const wholeOrShort = files.size === 1 && [...files].every(arrivedWhole) ? wholeMs : shortMs;
  const added = new Map(after.documents.map((document) => [document.key, document]));
  let ms = 0;
  for (const { key, text } of before) {
    const now = added.get(key);
    added.delete(key);
    if (now === undefined) return longMs;
    if (sameText(now.text, text)) continue;
    if (!arrivedWhole(now.source.file)) return longMs;
    ms = wholeOrShort;
  }
  for (const { document, source } of added.values()) {
    const permits = document.kind === 'AuthorizationPolicy' && document.spec.action === 'allow';
    ms = Math.max(ms, permits && !arrivedWhole(source.file) ? 3 * shortMs : wholeOrShort);
  }
  return Math.min(ms, longMs);
}
