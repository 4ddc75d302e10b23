// The embedded store: a directory of YAML files that people (or git) edit, and `apply` as well. The whole directory is read and
// judged together; what cannot be accepted is reported, and the last good state stays, also across restarts.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Problem } from '../model/problem.ts';
import { editFiles } from './directory/edit-files.ts';
import { type JudgedFiles, judgeFiles } from './directory/judge-files.ts';
import { type DirectoryContent, readDirectory } from './directory/read-directory.ts';
import { createDirectoryWatcher } from './directory/watch-directory.ts';
import { currentText, finishWrite, prepareWrite } from './directory/write-files.ts';
import { planChanges, sameDocuments } from './plan-changes.ts';
import { checkTableName, refuseConflict, requireState } from './refuse.ts';
import { createSerial } from './serial.ts';
import { type JournalEntry, openStateDatabase } from './sqlite/state-database.ts';
import type { ApplyOptions, ApplyResult, Change, StateCheck, Store, StoreState } from './store.ts';
import { createWatchers } from './watchers.ts';

export interface DirectoryStoreOptions {
  /** The directory of *.yaml and *.yml files; made if it does not exist. */
  readonly documents: string;
  /** The folder for what must survive a restart. */
  readonly state: string;
  readonly check: StateCheck;
  readonly log: Log;
  readonly clock: Clock;
  /** Files are read when none has changed for this long, milliseconds. Default 50. */
  readonly quietMs?: number;
  /** A look without being told, milliseconds. Default 5000. */
  readonly pollMs?: number;
}

export async function createDirectoryStore(options: DirectoryStoreOptions): Promise<Store> {
  const { check, log, clock, quietMs = 50, pollMs = 5000 } = options;
  const root = resolve(options.documents);
  const database = openStateDatabase(options.state, clock);
  const watchers = createWatchers(log);
  const serial = createSerial();
  let closed = false;
  /** What is in force, and the files it came from. */
  let state: StoreState | undefined;
  let good: JudgedFiles | undefined;
  /** What was on disk when last looked at. */
  let seen: DirectoryContent | undefined;
  let problems: readonly Problem[] = [];

  const setProblems = (next: readonly Problem[]): void => {
    if (JSON.stringify(next) === JSON.stringify(problems)) return;
    problems = next;
    if (next.length > 0)
      log.warn({ problems: next.length }, 'the directory of documents has problems: the last good state stays');
    watchers.emit({ kind: 'problems', problems });
  };

  /** Takes over a judged directory; the revision counts up only if the documents differ. */
  const accept = (judged: JudgedFiles): void => {
    const before = state ?? { revision: 0, documents: [] };
    const same = sameDocuments(before.documents, judged.documents);
    const revision = same ? before.revision : before.revision + 1;
    database.save({ revision, files: judged.texts }, []);
    state = { revision, documents: judged.documents };
    good = judged;
    setProblems([]);
    if (!same) {
      log.info({ revision, documents: judged.documents.length }, 'documents read from the directory');
      watchers.emit({ kind: 'state', state, urgent: false });
    }
  };

  const reload = async (): Promise<void> => {
    const content = await readDirectory(root);
    watcher.follow(content.folders);
    if (seen !== undefined && sameContent(seen, content)) return;
    const judged = judgeFiles(content.files, good, check);
    const found = [...content.problems, ...judged.problems, ...vanished(judged, state, options.documents)];
    if (found.length > 0) setProblems(found);
    else accept(judged);
    seen = content;
  };

  const look = (): void => {
    if (closed) return;
    serial.run(reload).catch((reason: unknown) => {
      log.error({ error: CellwallError.from(reason).message }, 'reading the directory of documents failed');
    });
  };
  const watcher = createDirectoryWatcher({ clock, quietMs, pollMs, onChange: look });

  const apply = async (changes: readonly Change[], applyOptions: ApplyOptions): Promise<ApplyResult> => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const base = requireState(state, whyNot(problems));
      refuseConflict(base.revision, applyOptions);
      const plan = planChanges(base.documents, changes, check);
      if (plan.kind === 'invalid') return plan;
      if (plan.kind === 'unchanged') return { kind: 'unchanged', revision: base.revision };
      const edited = editFiles(good?.files ?? new Map(), plan.edits, (file) => seen?.files.has(file) ?? false);
      const journal: JournalEntry[] = [...edited].map(([path, after]) => ({
        path,
        before: good?.texts.get(path) ?? null,
        after,
      }));
      if (await write(journal, base, applyOptions)) {
        const changed = plan.edits.map(({ key }) => key);
        const revision = base.revision + 1;
        log.info({ revision, author: applyOptions.author, changed }, 'documents applied');
        return { kind: 'applied', revision, changed };
      }
      // Someone edited a file meanwhile: take that in first, then try on top of it.
      await reload();
    }
    throw new CellwallError('aborted', 'a file was edited outside at the same time', {
      hint: problems.length > 0 ? 'it has problems: correct it first (cellwall validate)' : 'apply again',
    });
  };

  /** False if a file is no longer what we know of it: then nothing was written. */
  const write = async (
    journal: readonly JournalEntry[],
    base: StoreState,
    { urgent }: ApplyOptions,
  ): Promise<boolean> => {
    if (!(await unchangedOnDisk(root, journal))) return false;
    const texts = new Map(good?.texts);
    for (const { path, after } of journal) {
      if (after === null) texts.delete(path);
      else texts.set(path, after);
    }
    const judged = judgeFiles(texts, good, () => []);
    if (judged.problems.length > 0) {
      throw new CellwallError('internal', 'the edited files would not be readable; nothing was written');
    }
    const prepared = await prepareWrite(root, journal);
    if (!(await unchangedOnDisk(root, journal))) {
      await prepared.discard();
      return false;
    }
    const next: StoreState = { revision: base.revision + 1, documents: judged.documents };
    try {
      database.save({ revision: next.revision, files: texts }, journal);
    } catch (reason) {
      await prepared.discard();
      throw reason;
    }
    try {
      await prepared.commit();
    } catch (reason) {
      database.save({ revision: base.revision, files: good?.texts ?? new Map() }, []);
      throw reason;
    }
    state = next;
    good = judged;
    if (seen !== undefined) seen = { ...seen, files: withJournal(seen.files, journal) };
    watchers.emit({ kind: 'state', state: next, urgent: urgent ?? false });
    database.clearJournal();
    return true;
  };

  try {
    const saved = database.saved();
    const fresh = saved === undefined || saved.files.size === 0;
    // A directory that is gone while there were documents is a mistake (a volume not mounted), not a wish.
    if (fresh) mkdirSync(root, { recursive: true });
    await finishWrite(root, database.journal()).then(
      () => database.clearJournal(),
      (reason: unknown) =>
        log.error({ error: CellwallError.from(reason).message }, 'an interrupted write cannot be finished'),
    );
    if (saved !== undefined) {
      const judged = judgeFiles(saved.files, undefined, () => []);
      if (judged.problems.length === 0) {
        good = judged;
        state = { revision: saved.revision, documents: judged.documents };
      } else log.error({ problems: judged.problems.length }, 'the saved last good state cannot be read');
    }
    await serial.run(reload);
  } catch (reason) {
    watcher.close();
    database.close();
    throw reason;
  }

  return {
    state: () => requireState(state, whyNot(problems)),
    problems: () => problems,
    apply: (changes, applyOptions) =>
      serial.run(async () => {
        if (closed) throw new CellwallError('unavailable', 'the store is closed');
        return apply(changes, applyOptions);
      }),
    watch: watchers.watch,
    table(name) {
      checkTableName(name);
      return database.table(name);
    },
    async close() {
      if (closed) return;
      closed = true;
      watcher.close();
      await serial.idle();
      watchers.clear();
      database.close();
    },
  };
}

/** An empty directory where documents were is a mistake until `apply` says otherwise. */
function vanished(judged: JudgedFiles, state: StoreState | undefined, file: string): readonly Problem[] {
  if (judged.documents.length > 0 || judged.problems.length > 0 || (state?.documents.length ?? 0) === 0) return [];
  return [
    {
      severity: 'error',
      code: 'documents-vanished',
      message: 'all documents are gone at once',
      hint: 'is the volume mounted? To really remove everything, use cellwall delete',
      source: { file, line: 1, column: 1 },
    },
  ];
}

function whyNot(problems: readonly Problem[]): string {
  const [first] = problems;
  if (first === undefined) return 'nothing was read';
  return `${first.source.file}:${first.source.line}:${first.source.column}: ${first.message}`;
}

async function unchangedOnDisk(root: string, journal: readonly JournalEntry[]): Promise<boolean> {
  for (const { path, before } of journal) if ((await currentText(root, path)) !== before) return false;
  return true;
}

function withJournal(
  files: ReadonlyMap<string, string>,
  journal: readonly JournalEntry[],
): ReadonlyMap<string, string> {
  const result = new Map(files);
  for (const { path, after } of journal) {
    if (after === null) result.delete(path);
    else result.set(path, after);
  }
  return result;
}

function sameContent(a: DirectoryContent, b: DirectoryContent): boolean {
  return (
    a.files.size === b.files.size &&
    [...a.files].every(([path, text]) => b.files.get(path) === text) &&
    JSON.stringify(a.problems) === JSON.stringify(b.problems)
  );
}
