// The embedded store: a directory of YAML files that people (or git) edit, and `apply` as well. The whole directory is read and
// judged together; what cannot be accepted is reported, and the last good state stays, also across restarts.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Problem } from '../model/problem.ts';
import { applyToFiles, withJournal } from './directory/apply-to-files.ts';
import { heldBack } from './directory/held-back.ts';
import { createInForce } from './directory/in-force.ts';
import { judgeFiles } from './directory/judge-files.ts';
import { type DirectoryContent, readDirectory } from './directory/read-directory.ts';
import { createDirectoryWatcher } from './directory/watch-directory.ts';
import { finishWrite, removeTemporary } from './directory/write-files.ts';
import { checkTableName, requireState } from './refuse.ts';
import { createSerial } from './serial.ts';
import { openStateDatabase } from './sqlite/state-database.ts';
import type { Holding, StateCheck, Store, StoreState } from './store.ts';
import { createWatchers } from './watchers.ts';
import { withHistory } from './with-history.ts';

export interface DirectoryStoreOptions {
  /** The directory of *.yaml and *.yml files; made if it does not exist. */
  readonly documents: string;
  /** The folder for what must survive a restart. */
  readonly state: string;
  readonly check: StateCheck;
  /** Judges edits of the files once more. Default: all that pass the check come into force. */
  readonly holding?: Holding;
  readonly log: Log;
  readonly clock: Clock;
  /** Files are read when none has changed for this long, milliseconds. Default 50. */
  readonly quietMs?: number;
  /** A look without being told, milliseconds. Default 5000. */
  readonly pollMs?: number;
}

export async function createDirectoryStore(options: DirectoryStoreOptions): Promise<Store> {
  const { check, holding, log, clock, quietMs = 50, pollMs = 5000 } = options;
  const root = resolve(options.documents);
  const database = openStateDatabase(options.state, clock);
  const watchers = createWatchers(log);
  const serial = createSerial();
  const inForce = createInForce({ database, watchers, log });
  let closed = false;
  let resumed: StoreState | undefined;
  /** What was on disk when last looked at. */
  let seen: DirectoryContent | undefined;

  const reload = async (): Promise<void> => {
    const content = await readDirectory(root);
    watcher.follow(content.folders);
    if (seen !== undefined && sameContent(seen, content)) return;
    const judged = judgeFiles(content.files, inForce.files(), check);
    const problems = [...content.problems, ...judged.problems];
    const hadDocuments = (inForce.state()?.documents.length ?? 0) > 0;
    if (hadDocuments && judged.documents.length === 0 && judged.problems.length === 0) {
      problems.push(vanished(options.documents));
    }
    if (problems.length > 0) {
      holding?.release();
      inForce.refuse(problems);
    } else {
      const { held, problems: why } = heldBack({ holding, check }, inForce.state()?.documents ?? [], judged.documents);
      inForce.accept(judged, held, why);
    }
    seen = content;
  };
  const look = (): void =>
    void serial.run(async () => {
      if (!closed) await reload().catch(fail('reading the directory of documents failed'));
    });
  const rejudge = (): void => {
    seen = undefined;
    look();
  };
  const watcher = createDirectoryWatcher({ clock, quietMs, pollMs, onChange: look });
  const unwatch = holding?.watch(rejudge);
  const fail = (message: string) => (reason: unknown) =>
    log.error({ error: CellwallError.from(reason).message }, message);
  const deps = {
    ...{ root, check, log, database, inForce, reload, rejudge },
    taken: (file: string) => seen?.files.has(file) ?? false,
    onWritten(journal: Parameters<typeof withJournal>[1]) {
      if (seen !== undefined) seen = { ...seen, files: withJournal(seen.files, journal) };
    },
  };

  try {
    // What another kind of store saved here is not this directory's.
    const last = database.saved();
    const saved = last?.epoch === undefined ? last : undefined;
    // A directory that is gone while there were documents is a mistake (a volume not mounted), not a wish.
    if (saved === undefined || saved.files.size === 0) mkdirSync(root, { recursive: true });
    await finishWrite(root, database.journal()).then(
      () => database.clearJournal(),
      fail('an interrupted write cannot be finished'),
    );
    if (saved !== undefined) inForce.resume(saved);
    resumed = inForce.state();
    await serial.run(reload);
    await removeTemporary(seen?.folders ?? []);
  } catch (reason) {
    unwatch?.();
    watcher.close();
    database.close();
    throw reason;
  }

  const store: Omit<Store, 'history'> = {
    state: () => requireState(inForce.state(), inForce.whyNot()),
    problems: inForce.problems,
    apply: (changes, applyOptions) =>
      serial.run(async () => {
        if (closed) throw new CellwallError('unavailable', 'the store is closed');
        return applyToFiles(deps, changes, applyOptions);
      }),
    watch: watchers.watch,
    table(name) {
      checkTableName(name);
      return database.table(name);
    },
    async close() {
      if (closed) return;
      closed = true;
      unwatch?.();
      watcher.close();
      await serial.idle();
      watchers.clear();
      database.close();
    },
  };
  return withHistory(store, { clock, log, resumed });
}

/** An empty directory where documents were is a mistake until `apply` says otherwise. */
function vanished(file: string): Problem {
  return {
    severity: 'error',
    code: 'documents-vanished',
    message: 'all documents are gone at once',
    hint: 'is the volume mounted? To really remove everything, use cellwall delete',
    source: { file, line: 1, column: 1 },
  };
}

function sameContent(a: DirectoryContent, b: DirectoryContent): boolean {
  return (
    a.files.size === b.files.size &&
    [...a.files].every(([path, text]) => b.files.get(path) === text) &&
    JSON.stringify(a.problems) === JSON.stringify(b.problems)
  );
}
