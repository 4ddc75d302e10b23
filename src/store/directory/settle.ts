// How long the files must have been quiet before their content is used. A file may be half-written without any sign of it: cut off, it may
// name fewer denials or wider permissions than either the old text or the new one. Pure.
//
// - An edit that only adds documents waits `shortMs`: a second read, because nothing that is in force disappears. Three times that for a
// permission that is written in place, because its missing end may be what limits it.
// - A changed document waits `shortMs` if its file arrived complete: by a rename, or behind a redirected link. An edit of only one file,
// put there complete, waits `wholeMs`: nothing more of it can be in progress, and a writer of several files shows the second one before
// that.
// - What disappears (in whatever way: it may be moving to another file), and what was changed in place, waits `longMs`: between two pieces,
// or between delete and create, seconds may pass.
// Denials are handled elsewhere: denials-at-once.ts.
import { differing } from '../../lib/differing.ts';
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
  /** The files whose text differs from what is in force of them. */
  readonly files: ReadonlySet<string>;
}

/** Milliseconds. 0: nothing changes. */
export function settleTime(
  { before, after, arrivedWhole, files }: Edit,
  { wholeMs, shortMs, longMs }: SettleTimes,
): number {
  const wholeOrShort = files.size === 1 && [...files].every(arrivedWhole) ? wholeMs : shortMs;
  const differ = differing(before, after.documents);
  const added = new Map(differ.after.map((document) => [document.key, document]));
  let ms = 0;
  for (const { key, text } of differ.before) {
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
