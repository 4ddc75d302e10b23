// Edited files that wait for approval, as `cellwall waiting` lists them: what is held of the files, and why.
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { revOf } from '../rev-of.ts';
import type { RevisionChange } from '../revision.ts';
import type { DirectEdits, WaitingChange } from '../waiting-change.ts';
import type { InForce } from './in-force.ts';

/** Who edited a file is not known. */
const author = 'outside';

/** Only what `approvable` says of a problem's code waits for somebody's word: other edits come into force by themselves. */
export function createWaitingEdits(
  { held, files, problems }: Pick<InForce, 'held' | 'files' | 'problems'>,
  approvable: (code: string) => boolean,
  clock: Pick<Clock, 'now'>,
): DirectEdits {
  let last: { readonly rev: string; readonly since: number } | undefined;
  return {
    waiting() {
      const why = problems().filter(({ code }) => approvable(code));
      const written = new Map(files()?.documents.map((document) => [document.key, document]));
      const changes = [...held()].map(([key, before]): RevisionChange => {
        return { key, ...defined({ before: before?.text, after: written.get(key)?.text }) };
      });
      if (why.length === 0 || changes.length === 0) return [];
      const reasons = why.map(({ code, message }) => `${code}: ${message}`);
      const rev = revOf([changes.map((change) => ({ ...change })), reasons]);
      if (last?.rev !== rev) last = { rev, since: clock.now() };
      const waiting: WaitingChange = { rev, origin: 'direct', author, since: last.since, changes, reasons };
      return [waiting];
    },
    async reject() {
      throw new CellwallError('failed_precondition', 'edited files are put back where they are edited', {
        hint: 'put the files back as they were (git revert, git checkout): nothing of the edit is in force',
      });
    },
  };
}
