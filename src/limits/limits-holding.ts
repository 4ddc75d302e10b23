// Edits of documents where they are stored, beyond the limits: the whole edit waits, and what is in force stays.
import { createHash } from 'node:crypto';
import type { Log } from '../lib/log.ts';
import { changedKeys } from '../model/changed-keys.ts';
import type { Hold, Holding } from '../store/judges.ts';
import type { Judged } from '../store/store.ts';
import { type Beyond, limitCodes } from './reason.ts';
import type { RecentStates } from './recent-states.ts';

export interface LimitsHoldingDeps {
  readonly recent: Pick<RecentStates, 'beyond' | 'since' | 'counts'>;
  readonly log: Log;
  /** Told once for each edit that is held. */
  readonly onHeld?: (beyond: readonly Beyond[]) => void;
}

const confirm = 'if it is meant: cellwall approve REV ("cellwall waiting" shows it); otherwise put the files back';

export function createLimitsHolding({ recent, log, onHeld = () => {} }: LimitsHoldingDeps): Holding {
  let told: string | undefined;
  /** With what it was compared when it was held for what came before it: it does not come into force because time passes. */
  let since: Judged | undefined;
  return {
    hold(before: Judged, after: Judged): Hold | undefined {
      const began = since ?? recent.since();
      const beyond = recent.beyond(before, after, began);
      const byItself = recent.counts(before, after, before);
      since = !byItself && recent.counts(before, after, began) ? began : undefined;
      if (beyond.length === 0) {
        told = undefined;
        return undefined;
      }
      const id = digestOf(after);
      if (id !== told) {
        told = id;
        onHeld(beyond);
        const reasons = beyond.map(({ code, message }) => `${code}: ${message}`);
        log.error({ reasons }, 'an edit of the documents is held until it is confirmed: see "cellwall status"');
      }
      const problems = beyond.map(({ hint = '', code, ...problem }) => {
        return { ...problem, code, hint: `${hint} ${confirm}`.trim() };
      });
      const { documents, mesh } = before;
      return {
        keep: changedKeys(before.documents, after.documents),
        rest: { documents, problems: before.problems, ...(mesh === undefined ? {} : { mesh }) },
        problems,
      };
    },
    approvable: (code) => limitCodes.some((known) => known === code) || code === 'crash-loop',
    release() {
      [told, since] = [undefined, undefined];
    },
    // What it says depends on nothing else.
    watch: () => () => {},
  };
}

function digestOf({ documents }: Judged): string {
  const hash = createHash('sha256');
  for (const { key, text } of documents) hash.update(`${key.length} ${key} ${text.length} `).update(text);
  return hash.digest('hex');
}
