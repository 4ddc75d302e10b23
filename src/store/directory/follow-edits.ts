// What people edit in the directory, on its way into force: read as a whole and judged as a whole, once it is quiet; what cannot be
// accepted is reported, and what was in force stays. Denials do not wait for the rest of their edit.
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { errorsAmong, judgeOnce } from '../judge-once.ts';
import type { Holding, StateCheck } from '../judges.ts';
import type { LastGoodStates } from '../last-good/last-good-states.ts';
import { createSerial, type Serial } from '../serial.ts';
import { nothingStored } from '../store.ts';
import type { ApplyDeps } from './apply-to-files.ts';
import { denialsAtOnce } from './denials-at-once.ts';
import { heardOnlyOf } from './heard-only-of.ts';
import { type Held, withHeld } from './held.ts';
import { heldBack } from './held-back.ts';
import type { InForce } from './in-force.ts';
import { changedFiles, createJudge, type JudgedFiles } from './judge-files.ts';
import { keepsLastGood, vanished } from './keeps-last-good.ts';
import { createKeepsOut } from './keeps-out.ts';
import { openForWriting } from './open-for-writing.ts';
import { withJournal } from './plan-files.ts';
import { type DirectoryContent, type ReadTexts, readDirectory, realPaths, sameContent } from './read-directory.ts';
import { settleTime } from './settle.ts';
import { createWaiting } from './waiting.ts';
import { createDirectoryWatcher, type Watch } from './watch-directory.ts';

export interface FollowEdits {
  /** Reads the directory now. Not at the same time as anything else that changes what is in force. */
  reload(): Promise<void>;
  /** Judges the current content again, soon. */
  rejudge(): void;
  /** Whether an edit waits until the files are quiet. */
  settling(): boolean;
  /** Whether that document is in force, while the edit that it came with is not yet. */
  isEarly(key: DocumentKey): boolean;
  /** Whether a file with that name was there when last read. */
  taken(file: string): boolean;
  readonly onWritten: ApplyDeps['onWritten'];
  /** Those that were there when last read. */
  folders(): readonly string[];
  close(): void;
}

export interface FollowEditsDeps {
  /** Absolute. */
  readonly root: string;
  /** As the operator named it. */
  readonly name: string;
  readonly inForce: InForce;
  readonly lastGood: LastGoodStates;
  readonly check: StateCheck;
  readonly holding: Holding | undefined;
  /** What changes what is in force, one after another. */
  readonly serial: Serial;
  readonly clock: Clock;
  readonly log: Log;
  readonly quietMs: number;
  readonly settleMs: number;
  readonly pollMs: number;
  readonly watch: Watch | undefined;
  readonly onParsed: () => void;
}

/** What only adds, or arrived complete, waits this long; a single file that arrived complete, the shorter time. */
const settle = { shortMs: 250, wholeMs: 100 };

/** So often something may be applied while everything is read; then applies wait for it. */
const maxOvertaken = 5;

interface Read {
  readonly content: DirectoryContent;
  /** How many notifications there were before it began. */
  readonly notices: number;
  /** Monotonic: when everything had been listed. */
  readonly listedAt: number;
}

/** Hears of changes from now on. */
export function followEdits(deps: FollowEditsDeps): FollowEdits {
  const { root, name, inForce, lastGood, check, holding, serial, clock, log, quietMs, settleMs, pollMs } = deps;
  const waiting = createWaiting({ clock, log, againMs: quietMs });
  let closed = false;
  const judge = createJudge(check, deps.onParsed);
  const keepsOut = createKeepsOut({ lastGood, inForce, holding, check });
  const texts: ReadTexts = new Map();
  /** What was on disk when last read; `handled`: it was accepted or refused, and nothing waits. */
  let seen: DirectoryContent | undefined;
  let handled = false;
  /** What was heard is forgotten before everything is read: until it is, nobody knows what there is. */
  let behind = true;
  /** How often `apply` has written, or something that was read has been judged. */
  let turns = 0;
  const reads = createSerial();
  /** What was on disk when it was last accepted. */
  let accepted: DirectoryContent | undefined;
  /** Denials that are in force before the rest of their edit. */
  let early: Held = new Map();
  /** Files whose denials cannot come before the rest. */
  let together: JudgedFiles | undefined;

  const read = async (): Promise<Read> => {
    const notices = watcher.notices();
    behind = true;
    watcher.heardOf();
    let listedAt = 0;
    const content = await readDirectory(root, {
      ...{ known: texts, now: clock.monotonic(), ...defined({ last: seen }) },
      found({ watched }) {
        listedAt = clock.monotonic();
        watcher.follow(watched);
      },
    });
    return { content, notices, listedAt };
  };
  const take = async ({ content, notices, listedAt }: Read): Promise<void> => {
    turns += 1;
    if (content.torn) return wait(waiting.torn());
    behind = false;
    if (handled && seen !== undefined && sameContent(seen, content)) return waiting.over();
    seen = content;
    handled = false;
    handled = keepsOut(content.texts);
    if (handled) return waiting.over(content);
    const known = inForce.files();
    const state = inForce.state() ?? nothingStored;
    const judged = judge(content.texts, known, state);
    const errors = errorsAmong(judged.problems);
    const problems = [...content.problems, ...keepsLastGood(known, accepted, content, judged), ...errors];
    if (state.documents.length > 0 && judged.documents.length === 0 && errors.length === 0) {
      problems.push(vanished(name));
    }
    denyAtOnce(judged);
    if (problems.length > 0) {
      holding?.release();
      inForce.refuse(problems);
      waiting.over(content);
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
    inForce.accept(judged, held, rest, why, waiting.lagOf(content, files));
    early = new Map();
    accepted = content;
    watcher.forgetFiles();
    handled = true;
  };
  const reload = async (): Promise<void> => take(await read());
  const wait = (ms: number): void => {
    watcher.lookIn(ms);
    const late = waiting.problems(name);
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
  /** Whether nothing has changed, as those files show that were heard of. */
  const nothingNew = async (): Promise<boolean> => {
    const content = seen;
    const quiet = handled && !behind && !waiting.active() && early.size + inForce.held().size === 0;
    if (!quiet || content === undefined || inForce.problems().length > 0 || lastGood.watching()) return false;
    const notices = watcher.notices();
    const paths = watcher.heardOf();
    behind = true;
    const found = paths === undefined ? undefined : await heardOnlyOf(paths, content);
    if (found === undefined || watcher.notices() !== notices) return false;
    behind = false;
    seen = { ...content, ...found };
    if (accepted !== undefined) accepted = { ...accepted, ...found };
    watcher.forgetFiles();
    return true;
  };
  /** Applies do not wait while everything is listed, which takes a moment where there are thousands of files. */
  const lookAtAll = async (): Promise<void> => {
    for (let overtaken = 0; overtaken < maxOvertaken; overtaken++) {
      const before = turns;
      const found = await read();
      const taken = await serial.run(async () => {
        // What was read may be older than what is known.
        if (!closed && turns !== before) return false;
        if (!closed) await take(found);
        return true;
      });
      if (taken) return;
    }
    await serial.run(async () => (closed ? undefined : reload()));
  };
  const look = (noticed: boolean): void => {
    const task = async (): Promise<void> => {
      const same = noticed && (await serial.run(async () => closed || nothingNew()));
      if (!same && !closed) await lookAtAll();
    };
    void reads.run(task).catch((reason: unknown) => {
      log.error({ error: CellwallError.from(reason).message }, 'reading the directory of documents failed');
    });
  };
  const rejudge = (): void => {
    handled = false;
    look(false);
  };
  const watching = { clock, log, quietMs, pollMs, onChange: look, ...defined({ watch: deps.watch }) };
  const watcher = createDirectoryWatcher(watching);
  const unwatch = holding?.watch(rejudge);
  return {
    reload,
    rejudge,
    settling: waiting.active,
    isEarly: (key) => early.has(key),
    taken: (file) => seen?.texts.has(file) ?? false,
    onWritten(journal, before, after) {
      turns += 1;
      if (seen === undefined) return;
      seen = { ...seen, texts: seen.texts === before ? after : withJournal(seen.texts, journal) };
    },
    folders: () => seen?.folders ?? [],
    close() {
      closed = true;
      unwatch?.();
      watcher.close();
    },
  };
}
