// The changes that lead back to an earlier revision. Pure.
import { CellwallError } from '../lib/errors.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import type { Revision } from './revision.ts';
import type { Change } from './store.ts';

/** `history` newest first. Throws `not_found` if it is no longer known what was changed since. */
export function changesBack(history: readonly Revision[], current: number, to: number): readonly Change[] {
  if (to >= current || to < 0) {
    throw new CellwallError('invalid_argument', `revision ${to} is no earlier one than ${current}, which is in force`, {
      hint: '"cellwall history" lists them',
    });
  }
  if (history.length === 0) {
    throw new CellwallError(
      'not_found',
      `no change is on record: there is nothing before revision ${current} to go back to`,
    );
  }
  const known = new Map(history.map((revision) => [revision.revision, revision]));
  const texts = new Map<DocumentKey, string | undefined>();
  for (let number = current; number > to; number--) {
    const revision = known.get(number);
    if (revision === undefined) {
      throw new CellwallError('not_found', `what revision ${number} changed is not known any more`, {
        hint: '"cellwall history" lists what is; to go further back, apply the files of that time',
      });
    }
    for (const { key, before } of revision.changes) texts.set(key, before);
  }
  return [...texts].map(
    ([key, text]): Change => (text === undefined ? { op: 'delete', key } : { op: 'put', key, text }),
  );
}
