// With which documents a store starts: those that were in force, or the last good ones before them, if those are damaged on disk or the
// process died under them again and again.
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import type { SavedState } from '../sqlite/state-database.ts';
import { digestOf } from './digest.ts';
import { type KeptState, openKeptStates } from './kept-states.ts';
import type { Fallback, LastGood } from './last-good.ts';
import { quarantined, quarantineOf } from './quarantine.ts';
import { openStartGuard } from './start-guard.ts';

export interface LastGoodStates {
  /** What the store's interface shows. `now`: what is in force, as it is saved. */
  shown(now: () => SavedState | undefined): LastGood;
  /** Call once, with what was saved: the state to begin with. */
  start(saved: SavedState | undefined): SavedState | undefined;
  /** Whether `refused` may find any. */
  watching(): boolean;
  /** Documents under which the process died, as long as they are not confirmed. */
  inQuarantine(): readonly DocumentKey[];
  /** Those that may not come into force: the process died under them. Empty in ordinary times. */
  refused(inForce: Documents, found: Documents): readonly DocumentKey[];
  /** Said in the place of documents that are refused. */
  problem(keys: readonly DocumentKey[], documents: readonly ParsedDocument[]): Problem;
  /** Documents came into force. */
  taken(): void;
  close(): void;
}

type Documents = readonly Pick<ParsedDocument, 'key' | 'text'>[];

export interface LastGoodOptions {
  /** The store's folder. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Deaths in succession. */
const maxDeaths = 3;

export function openLastGoodStates({ folder, clock, log }: LastGoodOptions): LastGoodStates {
  const kept = openKeptStates({ folder: join(folder, 'last-good'), log });
  const guard = openStartGuard({ folder, clock, log });
  let fallback: Fallback | undefined;
  /** The next documents that differ from what is in force are put in quarantine. */
  let looping = false;

  /** Those of the same store: another kind may have used the folder before. */
  const keptOf = ({ epoch }: Pick<SavedState, 'epoch'>): readonly KeptState[] =>
    kept.list().filter((state) => state.epoch === epoch);
  const fallBack = (kind: Fallback['kind'], saved: SavedState): SavedState | undefined => {
    const [good] = keptOf(saved);
    fallback = { kind, ...(good === undefined ? {} : { revision: good.revision }) };
    const why = kind === 'damaged' ? 'what was in force is damaged on disk' : `the process died ${guard.deaths} times`;
    const found = { from: saved.revision, revision: good?.revision, provenAt: good?.provenAt };
    log.error(
      found,
      good === undefined ? `${why}, and no last good state is kept` : `${why}: starting on the last good state`,
    );
    return good;
  };
  return {
    shown: (now) => ({
      kept: () => keptOf(now() ?? {}).map(({ revision, provenAt }) => ({ revision, provenAt })),
      fallback: () => fallback,
      prove() {
        const state = now();
        if (state !== undefined) kept.keep(state, clock.now());
      },
      refused: (inForce, found) => quarantined(guard.quarantine(), inForce, found),
    }),
    start(saved) {
      if (saved === undefined) return undefined;
      looping = guard.deaths >= maxDeaths;
      if (saved.damaged !== undefined) return fallBack('damaged', saved);
      const digest = digestOf(saved.files);
      const good = keptOf(saved);
      if (good.length === 0 || good.some((state) => state.digest === digest)) return saved;
      const still = quarantined(guard.quarantine(), documentsOf(good[0]), documentsOf(saved)).length > 0;
      return looping || still ? fallBack('crash-loop', saved) : saved;
    },
    inQuarantine: () => [...guard.quarantine().keys()].map((key) => key as DocumentKey),
    watching() {
      looping &&= guard.counting();
      return looping || guard.quarantine().size > 0;
    },
    refused(inForce, found) {
      if (looping) {
        looping = false;
        const quarantine = kept.list().length === 0 ? new Map() : quarantineOf(inForce, found);
        if (quarantine.size > 0) guard.setQuarantine(quarantine);
      }
      if (guard.quarantine().size === 0) return [];
      const keys = quarantined(guard.quarantine(), inForce, found);
      // They were confirmed, or are something else now.
      if (keys.length === 0) guard.setQuarantine(new Map());
      if (keys.length > 0) fallback ??= { kind: 'crash-loop' };
      else fallback = undefined;
      return keys;
    },
    problem(keys, documents) {
      const first = documents.find(({ key }) => keys.includes(key));
      const more = keys.length > maxNamed ? `, and ${keys.length - maxNamed} more` : '';
      return {
        severity: 'error',
        code: 'crash-loop',
        message:
          'the control plane died again and again shortly after it had put these in force, and runs without them: ' +
          `${keys.slice(0, maxNamed).join(', ')}${more}`,
        hint:
          'change them; or, if they were not the reason: cellwall apply --confirm crash-loop -f FILES, or for edited files ' +
          'cellwall approve REV ("cellwall waiting" shows it)',
        source: first?.begins ?? { file: '(documents)', line: 1, column: 1 },
      };
    },
    taken: guard.taken,
    close: guard.close,
  };
}

/** Of a store that keeps each document under its key. */
function documentsOf(state: SavedState | undefined): Documents {
  return [...(state?.files ?? [])].map(([key, text]) => ({ key: key as DocumentKey, text }));
}

const maxNamed = 5;
