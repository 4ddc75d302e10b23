// The last good state of Redis on this host's disk, served (stale) if Redis is down at the start; and the ones before it.
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { changedKeys } from '../../model/changed-keys.ts';
import { parseDocuments } from '../../model/parse.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { judgeOnce } from '../judge-once.ts';
import type { StateCheck } from '../judges.ts';
import { openLastGoodStates } from '../last-good/last-good-states.ts';
import { sortDocuments } from '../plan-changes.ts';
import type { SavedState, StateDatabase } from '../sqlite/state-database.ts';
import type { Store } from '../store.ts';
import { type Known, type Seen, textsOf } from './stored-state.ts';

export interface LastGood {
  /** What an earlier run kept, if it came from a Redis store and this version can read it; or the last good state before that. */
  resume(): Known | undefined;
  /** The latest that an earlier run kept, readable or not. */
  seen(): Seen | undefined;
  keep(known: Known): void;
  /** Why some documents may not come into force: the process died under them. */
  refused(known: Known | undefined, found: readonly ParsedDocument[]): Refused | undefined;
  /** For the store's interface; `now` is what is in force. */
  shown(now: () => Known | undefined): Pick<Store, 'lastGood'>;
  close(): void;
}

export interface Refused {
  readonly problem: Problem;
  /** Others have changed something since: that must not be written over. */
  readonly othersChanged: boolean;
}

export interface LastGoodOptions {
  /** Absent: nothing is kept. */
  readonly database: StateDatabase | undefined;
  readonly folder: string | undefined;
  /** Resolves the state; it was accepted once, so it is not refused again. */
  readonly check: StateCheck;
  readonly clock: Clock;
  readonly log: Log;
}

export function openLastGood({ database, folder, check, clock, log }: LastGoodOptions): LastGood {
  const states = folder === undefined ? undefined : openLastGoodStates({ folder, clock, log });
  return {
    seen() {
      const saved = database?.saved();
      return saved?.epoch === undefined ? undefined : { epoch: saved.epoch, revision: saved.revision };
    },
    resume() {
      const last = database?.saved();
      if (last?.epoch === undefined) return undefined;
      const saved = states === undefined ? last : states.start(last);
      if (saved === undefined) return undefined;
      const documents: ParsedDocument[] = [];
      for (const [key, text] of saved.files) {
        const parsed = parseDocuments(text, key);
        if (parsed.kind === 'invalid') {
          log.error({ key }, 'the saved last good state cannot be read');
          return undefined;
        }
        documents.push(...parsed.documents);
      }
      const judged = judgeOnce(sortDocuments(documents), check);
      return { epoch: last.epoch, state: { ...judged, revision: saved.revision } };
    },
    keep(known) {
      states?.taken();
      // Whatever was kept out is in force now, or gone.
      if (states?.watching() === true) states.refused(known.state.documents, known.state.documents);
      if (known.epoch === '') return;
      try {
        database?.save(savedOf(known), []);
      } catch (reason) {
        // Redis has it as well: a full disk here refuses nothing.
        log.error({ error: CellwallError.from(reason).message }, 'the last good state cannot be kept on disk');
      }
    },
    refused(known, found) {
      if (known === undefined || states?.watching() !== true) return undefined;
      const { documents } = known.state;
      const keys = new Set(states.refused(documents, found));
      if (keys.size === 0) return undefined;
      const othersChanged = changedKeys(documents, found).some((key) => !keys.has(key));
      return { problem: states.problem([...keys], found), othersChanged };
    },
    shown: (now) =>
      states === undefined
        ? {}
        : {
            lastGood: {
              ...states.shown(() => {
                const known = now();
                return known && savedOf(known);
              }),
              // Any change writes all documents anew, without them.
              refused: states.inQuarantine,
            },
          },
    close: () => states?.close(),
  };
}

function savedOf({ epoch, state }: Known): SavedState {
  return { revision: state.revision, files: textsOf(state.documents), epoch };
}
