// The embedded store: a directory of YAML files that people (or git) edit, and `apply` as well. The whole directory is read and judged
// together; what cannot be accepted is reported, and the last good state stays, even across restarts. Nothing half-written is ever in
// force: docs/documents.md, "Writing the files".
import { resolve } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { applyToFiles } from './directory/apply-to-files.ts';
import { followEdits } from './directory/follow-edits.ts';
import { textsInForce } from './directory/held.ts';
import { createInForce, type InForce } from './directory/in-force.ts';
import { readFiles } from './directory/judge-files.ts';
import { planFiles } from './directory/plan-files.ts';
import { createWaitingEdits } from './directory/waiting-edits.ts';
import type { Watch } from './directory/watch-directory.ts';
import { finishWrite, removeTemporary } from './directory/write-files.ts';
import type { Holding, StateCheck } from './judges.ts';
import { type LastGoodStates, openLastGoodStates } from './last-good/last-good-states.ts';
import { createPlanner } from './planner.ts';
import { checkTableName } from './refuse.ts';
import { createSerial } from './serial.ts';
import { openStateDatabase, type SavedState } from './sqlite/state-database.ts';
import { nothingStored, type Store, type StoreState } from './store.ts';
import { createWatchers } from './watchers.ts';
import { withHistory } from './with-history.ts';

export interface DirectoryStoreOptions {
  /** The directory of *.yaml and *.yml files; created if it does not exist. */
  readonly documents: string;
  /** The folder for what must survive a restart. */
  readonly state: string;
  readonly check: StateCheck;
  /** An additional judgement of file edits. Default: everything that passes the check comes into force. */
  readonly holding?: Holding;
  readonly log: Log;
  readonly clock: Clock;
  /** Files are read when none has changed for this long, milliseconds. Default 50. */
  readonly quietMs?: number;
  /** What disappears, or was changed in place, must have been unchanged for this long, milliseconds. Default 3000. */
  readonly settleMs?: number;
  /** Interval of checks without a notification, milliseconds. Default 5000. */
  readonly pollMs?: number;
  /** Source of change notifications. Default: the system. */
  readonly watch?: Watch;
  /** Told of each text of documents that was parsed. */
  readonly onParsed?: () => void;
}

export async function createDirectoryStore(options: DirectoryStoreOptions): Promise<Store> {
  const { check, holding, log, clock, quietMs = 50, settleMs = 3000, pollMs = 5000 } = options;
  const { watch, onParsed = () => {} } = options;
  const root = resolve(options.documents);
  const database = openStateDatabase(options.state, clock);
  const lastGood = openLastGoodStates({ folder: options.state, clock, log });
  const watchers = createWatchers(log);
  const serial = createSerial();
  const inForce = createInForce({ check, database, watchers, log });
  let closed = false;
  let resumed: StoreState | undefined;
  const edits = followEdits({
    ...{ root, name: options.documents, inForce, lastGood, check, holding, serial, clock, log },
    ...{ quietMs, settleMs, pollMs, watch, onParsed },
  });
  const fail = (message: string) => (reason: unknown) =>
    log.error({ error: CellwallError.from(reason).message }, message);
  const planner = createPlanner((base, changes) =>
    planFiles({ inForce, check, taken: edits.taken, onParsed }, base, changes),
  );
  const { reload, rejudge, settling, isEarly, onWritten } = edits;
  const deps = { root, planner, database, inForce, reload, rejudge, settling, waiting: isEarly, onWritten };
  /** Start of the longest wait of an edit, counted from the moment that the files are quiet. */
  const patience = (): number => clock.monotonic() + settleMs + 2000;
  const pause = (): Promise<void> => new Promise((done) => void setTimeout(done, quietMs));

  try {
    // What another kind of store saved here does not belong to this directory.
    const last = database.saved();
    const saved = last?.epoch === undefined ? last : undefined;
    // A directory that is gone although there were documents is a mistake (a volume not mounted), not an intention.
    if (saved === undefined || saved.files.size === 0) makeFolder(root);
    await finishWrite(root, database.journal()).then(
      () => database.clearJournal(),
      fail('an interrupted write cannot be finished'),
    );
    watchers.watch((event) => event.kind === 'state' && lastGood.taken());
    resumed = begin(saved, lastGood, inForce);
    await serial.run(edits.reload);
    // What was edited shortly before the start is in force when this resolves, unless the files keep changing.
    for (const end = patience(); settling() && clock.monotonic() < end; await serial.run(edits.reload)) await pause();
    await removeTemporary(edits.folders());
  } catch (reason) {
    edits.close();
    lastGood.close();
    database.close();
    throw reason;
  }

  const store: Omit<Store, 'history'> = {
    state: inForce.state,
    problems: inForce.problems,
    plan: (changes) => planner.plan(inForce.state() ?? nothingStored, changes),
    async apply(changes, applyOptions) {
      for (const end = patience(); ; await pause()) {
        const result = await serial.run(async () => {
          if (closed) throw new CellwallError('unavailable', 'the store is closed');
          return applyToFiles(deps, changes, applyOptions, clock.monotonic() < end);
        });
        // Not inside `serial`: applies of others, above all urgent ones, do not wait for this one's edited file.
        if (result.kind !== 'settling') return result;
      }
    },
    watch: watchers.watch,
    direct: createWaitingEdits(inForce, (code) => holding?.approvable?.(code) === true, clock),
    lastGood: lastGood.shown(() => {
      const [state, files] = [inForce.state(), inForce.files()];
      return state && files && { revision: state.revision, files: textsInForce(files, inForce.held()) };
    }),
    table(name) {
      checkTableName(name);
      return database.table(name);
    },
    entries: async () => database.entries(),
    async close() {
      if (closed) return;
      closed = true;
      edits.close();
      await serial.idle();
      watchers.clear();
      lastGood.close();
      database.close();
    },
  };
  return withHistory(store, { clock, log, resumed });
}

/**
 * What was in force, or the last good state before that: as a revision of its own if it is not what was. Returns what was, for the
 * history.
 */
function begin(
  saved: SavedState | undefined,
  lastGood: Pick<LastGoodStates, 'start'>,
  inForce: Pick<InForce, 'resume' | 'state'>,
): StoreState | undefined {
  const first = lastGood.start(saved);
  if (saved === undefined || first === undefined) return undefined;
  inForce.resume(first === saved ? saved : { ...first, revision: saved.revision + 1 });
  if (first === saved) return inForce.state();
  // Only read: to find out what it means may be what the process died of.
  const { unreadable, documents } = readFiles(saved.files, undefined);
  return unreadable.length > 0 ? inForce.state() : { revision: saved.revision, documents, problems: [] };
}
