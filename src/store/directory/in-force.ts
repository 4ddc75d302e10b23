// What is in force of the directory: the last good state, the files it came from, and what is wrong with the newer ones. Documents that may
// not come into force yet are held: the files are known, but what was in force in their place stays.

import { defined } from '../../lib/defined.ts';
import type { Log } from '../../lib/log.ts';
import type { Problem } from '../../model/problem.ts';
import type { StateCheck } from '../judges.ts';
import { sameDocuments } from '../plan-changes.ts';
import type { SavedState, StateDatabase } from '../sqlite/state-database.ts';
import { type ApplyOptions, type Judged, nothingStored, type StoreState } from '../store.ts';
import type { Watchers } from '../watchers.ts';
import { type Held, nothingHeld, textsInForce } from './held.ts';
import { type DocumentFiles, judgeFiles, readFiles } from './judge-files.ts';

export interface InForce {
  state(): StoreState | undefined;
  files(): DocumentFiles | undefined;
  /** What stays in force instead of what the files say. */
  held(): Held;
  problems(): readonly Problem[];
  /** Why there is no state, for errors. */
  whyNot(): string;
  /** Starts with what was saved before a restart. */
  resume(saved: SavedState): void;
  /**
   * Adopts what was read, with what is held `rest`; the revision increases only if the documents differ. `lagMs`: how long ago it was
   * written.
   */
  accept(read: DocumentFiles, held: Held, rest: Judged, problems: readonly Problem[], lagMs?: number): void;
  /** Adopts what `apply` wrote and saved. */
  applied(state: StoreState, read: DocumentFiles, held: Held, by: Pick<ApplyOptions, 'urgent' | 'trace'>): void;
  /** The directory cannot be accepted: the last good state stays. */
  refuse(problems: readonly Problem[]): void;
}

export interface InForceDeps {
  readonly check: StateCheck;
  readonly database: StateDatabase;
  readonly watchers: Watchers;
  readonly log: Log;
}

/** Every change is saved before watchers are told of it. */
export function createInForce({ check, database, watchers, log }: InForceDeps): InForce {
  let state: StoreState | undefined;
  let files: DocumentFiles | undefined;
  let held = nothingHeld;
  let problems: readonly Problem[] = [];
  const refuse = (next: readonly Problem[]): void => {
    if (JSON.stringify(next) === JSON.stringify(problems)) return;
    problems = next;
    if (next.length > 0) {
      log.warn(
        { problems: next.length },
        'the directory of documents has problems: what they are about is not in force',
      );
    }
    watchers.emit({ kind: 'problems', problems });
  };
  return {
    state: () => state,
    files: () => files,
    held: () => held,
    problems: () => problems,
    refuse,
    whyNot() {
      const [first] = problems;
      if (first === undefined) return 'nothing was read';
      return `${first.source.file}:${first.source.line}:${first.source.column}: ${first.message}`;
    },
    resume(saved) {
      // Accepted once already: only what this version cannot parse any more is refused.
      const read = readFiles(saved.files, undefined);
      if (read.unreadable.length > 0) {
        log.error({ problems: read.unreadable.length }, 'the saved last good state cannot be read');
        return;
      }
      files = read;
      state = { ...asJudged(judgeFiles(read, check)), revision: saved.revision };
    },
    accept(read, holding, rest, why, lagMs) {
      const before = state ?? { ...nothingStored, revision: database.saved()?.revision ?? 0 };
      const same = sameDocuments(before.documents, rest.documents);
      const revision = same ? before.revision : before.revision + 1;
      database.save({ revision, files: textsInForce(read, holding) }, []);
      // Equal objects stay identical: plans based on them remain valid.
      if (state?.documents !== rest.documents) state = { ...asJudged(rest), revision };
      files = read;
      held = holding;
      refuse(why);
      if (same || state === undefined) return;
      log.info({ revision, documents: rest.documents.length }, 'documents read from the directory');
      watchers.emit({ kind: 'state', state, urgent: false, arrival: { by: 'files', ...defined({ lagMs }) } });
    },
    applied(next, read, holding, { urgent = false, trace }) {
      state = next;
      files = read;
      held = holding;
      watchers.emit({ kind: 'state', state: next, urgent, ...defined({ trace }) });
    },
  };
}

/** Without the files: others keep a state, too. */
function asJudged({ documents, mesh, problems }: Judged): Judged {
  return { documents, problems, ...defined({ mesh }) };
}
