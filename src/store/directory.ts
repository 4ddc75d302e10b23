// The embedded store: a directory of YAML files that people (or git) edit, and `apply` as well. The whole directory is read and judged
// together; what cannot be accepted is reported, and the last good state stays, even across restarts. Nothing half-written is ever in
// force: docs/documents.md, "Writing the files".
import { resolve } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { makeFolder } from '../lib/make-folder.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import { applyToFiles } from './directory/apply-to-files.ts';
import { begin } from './directory/begin.ts';
import { denialsAtOnce } from './directory/denials-at-once.ts';
import { type Held, textsInForce, withHeld } from './directory/held.ts';
import { heldBack } from './directory/held-back.ts';
import { createInForce } from './directory/in-force.ts';
import { changedFiles, createJudge, type JudgedFiles } from './directory/judge-files.ts';
import { keepsLastGood, vanished } from './directory/keeps-last-good.ts';
import { createKeepsOut } from './directory/keeps-out.ts';
import { openForWriting } from './directory/open-for-writing.ts';
import { planFiles, withJournal } from './directory/plan-files.ts';
import { type DirectoryContent, type ReadTexts, readDirectory } from './directory/read-directory.ts';
import { settleTime } from './directory/settle.ts';
import { createWaiting } from './directory/waiting.ts';
import { createWaitingEdits } from './directory/waiting-edits.ts';
import { createDirectoryWatcher, type Watch } from './directory/watch-directory.ts';
import { finishWrite, removeTemporary } from './directory/write-files.ts';
import { errorsAmong, judgeOnce } from './judge-once.ts';
import { openLastGoodStates } from './last-good/last-good-states.ts';
import { createPlanner } from './planner.ts';
import { checkTableName } from './refuse.ts';
import { createSerial } from './serial.ts';
import { openStateDatabase } from './sqlite/state-database.ts';
import { type Holding, nothingStored, type StateCheck, type Store, type StoreState } from './store.ts';
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

/** What only adds, or arrived complete, waits this long; a single file that arrived complete, the shorter time. */
const settle = { shortMs: 250, wholeMs: 100 };

export async function createDirectoryStore(options: DirectoryStoreOptions): Promise<Store> {
  const { check, holding, log, clock, quietMs = 50, settleMs = 3000, pollMs = 5000 } = options;
  const { watch, onParsed = () => {} } = options;
  const root = resolve(options.documents);
  const database = openStateDatabase(options.state, clock);
  const lastGood = openLastGoodStates({ folder: options.state, clock, log });
  const watchers = createWatchers(log);
  const serial = createSerial();
  const inForce = createInForce({ check, database, watchers, log });
  const waiting = createWaiting({ clock, log, againMs: quietMs });
  let closed = false;
  let resumed: StoreState | undefined;
  const judge = createJudge(check, onParsed);
  const keepsOut = createKeepsOut({ lastGood, inForce, holding, check });
  const texts: ReadTexts = new Map();
  /** What was on disk when last read; `handled`: it was accepted or refused, and nothing waits. */
  let seen: DirectoryContent | undefined;
  let handled = false;
  /** What was on disk when it was last accepted. */
  let accepted: DirectoryContent | undefined;
  /** Denials that are in force before the rest of their edit. */
  let early: Held = new Map();
  /** Files whose denials cannot come before the rest. */
  let together: JudgedFiles | undefined;

  const reload = async (): Promise<void> => {
    const notices = watcher.notices();
    let listedAt = 0;
    const content = await readDirectory(root, {
      ...{ known: texts, now: clock.monotonic() },
      found({ watched }) {
        listedAt = clock.monotonic();
        watcher.follow(watched);
      },
    });
    if (content.torn) return wait(waiting.torn());
    if (handled && seen?.signature === content.signature) return waiting.over();
    seen = content;
    handled = false;
    handled = keepsOut(content.texts);
    if (handled) return waiting.over();
    const known = inForce.files();
    const state = inForce.state() ?? nothingStored;
    const judged = judge(content.texts, known, state);
    const errors = errorsAmong(judged.problems);
    const problems = [...content.problems, ...keepsLastGood(known, accepted, content, judged), ...errors];
    if (state.documents.length > 0 && judged.documents.length === 0 && errors.length === 0) {
      problems.push(vanished(options.documents));
    }
    denyAtOnce(judged);
    if (problems.length > 0) {
      holding?.release();
      inForce.refuse(problems);
      waiting.over();
      handled = true;
      return;
    }
    const files = changedFiles(content.texts, known);
    const before = withHeld(known?.documents ?? [], early);
    const ms = settleTime(
      { before, after: judged, files, arrivedWhole: arrived(content) },
      { ...settle, longMs: settleMs },
    );
    if (ms > 0) {
      const stillOpen = () => openForWriting(realPaths(content, files));
      const judgement = await waiting.judge({ signature: content.signature, notices, at: listedAt, stillOpen }, ms);
      if (judgement.kind === 'wait') return wait(judgement.ms);
      if (watcher.notices() !== notices) return wait(waiting.torn());
    }
    waiting.over();
    const { held, rest, problems: why } = heldBack({ holding, check }, inForce.state() ?? nothingStored, judged);
    inForce.accept(judged, held, rest, why);
    early = new Map();
    accepted = content;
    watcher.forgetFiles();
    handled = true;
  };
  const wait = (ms: number): void => {
    watcher.lookIn(ms);
    const late = waiting.problems(options.documents);
    if (late.length === 0) return;
    inForce.refuse(late);
    handled = false;
  };
  const denyAtOnce = (judged: JudgedFiles): void => {
    const known = inForce.files();
    if (known === undefined || judged === together) return;
    const denials = denialsAtOnce(inForce.state()?.documents ?? [], judged.documents);
    if (denials.length === 0) return;
    const added = denials.map((document): [DocumentKey, ParsedDocument] => [document.key, document]);
    const held = new Map([...inForce.held(), ...added]);
    const rest = judgeOnce(withHeld(known.documents, held), check, judged.unreadable.length > 0 ? [] : [judged]);
    // One that needs the rest of its edit comes into force with it.
    if (errorsAmong(rest.problems).length > 0) {
      together = judged;
      return;
    }
    early = new Map([...early, ...added]);
    inForce.accept(known, held, rest, inForce.problems());
  };
  /** Complete: behind a changed link, or put there by a rename. */
  const arrived = (content: DirectoryContent) => (file: string) => {
    const real = content.files.get(file)?.real;
    const before = accepted?.files.get(file)?.real;
    return real !== undefined && ((before !== undefined && before !== real) || watcher.arrivedWhole(real));
  };
  const look = (): void =>
    void serial.run(async () => {
      if (!closed) await reload().catch(fail('reading the directory of documents failed'));
    });
  const rejudge = (): void => {
    handled = false;
    look();
  };
  const watcher = createDirectoryWatcher({ clock, log, quietMs, pollMs, onChange: look, ...defined({ watch }) });
  const unwatch = holding?.watch(rejudge);
  const fail = (message: string) => (reason: unknown) =>
    log.error({ error: CellwallError.from(reason).message }, message);
  const taken = (file: string): boolean => seen?.texts.has(file) ?? false;
  const planner = createPlanner((base, changes) => planFiles({ inForce, check, taken, onParsed }, base, changes));
  const deps = {
    ...{ root, planner, log, database, inForce, reload, rejudge, settling: waiting.active },
    waiting: (key: DocumentKey) => early.has(key),
    onWritten(journal: Parameters<typeof withJournal>[1]) {
      if (seen !== undefined) seen = { ...seen, texts: withJournal(seen.texts, journal) };
    },
  };
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
    await serial.run(reload);
    // What was edited shortly before the start is in force when this resolves, unless the files keep changing.
    for (const end = patience(); waiting.active() && clock.monotonic() < end; await serial.run(reload)) await pause();
    await removeTemporary(seen?.folders ?? []);
  } catch (reason) {
    unwatch?.();
    watcher.close();
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
      unwatch?.();
      watcher.close();
      await serial.idle();
      watchers.clear();
      lastGood.close();
      database.close();
    },
  };
  return withHistory(store, { clock, log, resumed });
}

function realPaths({ files }: DirectoryContent, names: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...names].flatMap((name) => files.get(name)?.real ?? []));
}
