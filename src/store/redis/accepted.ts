// The state of the documents that is in force, and how Redis stands to it: what is read there is adopted, refused or written again; edits
// that somebody made there come into force as far as they may.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Log } from '../../lib/log.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { Problem } from '../../model/problem.ts';
import type { DirectReview, StateCheck } from '../judges.ts';
import { documentOf, type Edit } from '../plan-changes.ts';
import type { RevisionChange } from '../revision.ts';
import { type ApplyOptions, type Arrival, nothingStored, type StoreState } from '../store.ts';
import { directAuthor, type WaitingChange } from '../waiting-change.ts';
import type { Watchers } from '../watchers.ts';
import { createDirect } from './direct.ts';
import type { LastGood } from './last-good.ts';
import type { RedisLink } from './link.ts';
import { heldOf, parseStored } from './read-reply.ts';
import { readScript } from './scripts.ts';
import { editedTexts, judgeStored, type Known, latest, type StateSeal, type StoredState } from './stored-state.ts';
import { keysOf, maxBytes, maxDocuments, restoreDocuments, writeState } from './write-state.ts';

export interface Accepted {
  known(): Known | undefined;
  state(): StoreState | undefined;
  /** What the next change is made to: nothing, where there never was anything. Undefined: it is not known. */
  base(): StoreState | undefined;
  problems(): readonly Problem[];
  /** What is accepted in Redis is not: `foreign`, nothing is written over it. */
  standing(): 'good' | 'damaged' | 'foreign';
  /** The answer to a look came, or what came cannot be read. */
  refuse(problems: readonly Problem[]): void;
  /** Why there is no state, or why that in Redis is not accepted. */
  reason(): string;
  /** It is seen to be lost, and about to be written again. */
  isLost(): boolean;
  /** How long the last look at Redis took, milliseconds. */
  costMs(): number;
  /** Reads Redis. `full`: as if nothing was known of it. */
  refresh(full: boolean): Promise<void>;
  /** Later than what is in force, and than what another control plane may have written there. */
  revisionAfter(revision: number): number;
  /** False if Redis has changed since it was last read: then nothing was written. */
  write(next: StoreState, edits: readonly Edit[], by: ApplyOptions): Promise<boolean>;
  waiting(): readonly WaitingChange[];
  /** Of these documents, what somebody wrote there directly and was refused, with what is in force instead. */
  refusedOf(keys: ReadonlySet<string>): readonly RevisionChange[];
  /** What is in force (`before`) is written in the place of edits. Throws `aborted` if one of them is not there any more. */
  reject(edits: readonly RevisionChange[]): Promise<void>;
  /** The review of edits answers otherwise. */
  reviewAgain(): void;
}

export interface AcceptedDeps {
  readonly link: Pick<RedisLink, 'script'>;
  readonly prefix: string;
  readonly check: StateCheck;
  readonly review: DirectReview;
  readonly seal: StateSeal;
  readonly lastGood: LastGood;
  readonly watchers: Watchers;
  readonly clock: Clock;
  readonly log: Log;
  readonly settleMs: number;
  onAnswer(): void;
  /** Redis may have lost more than documents. */
  onLost(): void;
  /** It has the documents again, as they were. */
  onWrittenAgain(): void;
}

/** A revision there is accepted if it is ahead by at most this much. */
const maxAhead = 1_000_000;

export function createAccepted(deps: AcceptedDeps): Accepted {
  const { link, prefix, check, review, seal, lastGood, watchers, clock, log, settleMs } = deps;
  let known = lastGood.resume();
  const before = lastGood.seen();
  const judging = { check, seal, refused: lastGood.refused, file: `${prefix}:documents` };
  /** Of what is accepted there; those of direct edits are kept with these. */
  let problems: readonly Problem[] = [];
  /** What was in Redis when last read, and what of it a write may replace. */
  let stored: StoredState | undefined;
  let standing: ReturnType<Accepted['standing']> = 'good';
  let rewrite: 'accepted' | 'all' = 'all';
  let reason = 'Redis did not answer yet';
  /** Since when it is seen to be lost, and nothing else stands there; monotonic. */
  let lostSince: number | undefined;
  let costMs = 0;
  /** What was written before the first look was not missed. */
  let isFollowing = false;

  const allProblems = (): readonly Problem[] => [...problems, ...direct.problems()];
  const tellProblems = (): void => watchers.emit({ kind: 'problems', problems: allProblems() });
  const setProblems = (next: readonly Problem[]): void => {
    if (JSON.stringify(next) === JSON.stringify(problems)) return;
    problems = next;
    if (next.length > 0)
      log.warn({ first: next[0]?.message }, 'the documents in Redis are not usable: the last good state stays');
    tellProblems();
  };
  const direct = createDirect({
    ...{ check, review, seal: seal.names, clock },
    onChange() {
      tellProblems();
      watchers.emit({ kind: 'direct', waiting: direct.waiting(), problems: direct.problems() });
    },
  });
  const neverKnown = (): boolean => known === undefined && before === undefined && standing === 'damaged';

  const refresh = async (full: boolean): Promise<void> => {
    const held = full ? undefined : stored;
    const limits = [String(maxDocuments), String(maxBytes)];
    const last = [held?.fingerprint ?? '', ...limits, held === undefined ? '' : heldOf(held)];
    const askedAt = clock.monotonic();
    const reply = await link.script(readScript, keysOf(prefix), last);
    const readAt = clock.monotonic();
    costMs = readAt - askedAt;
    const read = parseStored(reply, held);
    deps.onAnswer();
    if (read === undefined) return direct.isDue() ? takeEdits() : undefined;
    stored = read;
    const judgement = judgeStored(read, known, latest(before, known), judging);
    standing = judgement.kind;
    const lost = judgement.kind === 'damaged' && judgement.lost;
    if (judgement.kind === 'damaged') rewrite = judgement.rewrite;
    if (lost && lostSince === undefined) deps.onLost();
    lostSince = lost ? (lostSince ?? clock.monotonic()) : undefined;
    if (judgement.kind !== 'good') {
      [reason] = [judgement.problems[0]?.message ?? reason];
      setProblems(judgement.problems);
      return lost ? writeAgain() : takeEdits();
    }
    known = judgement.known;
    setProblems([]);
    if (judgement.changed) lastGood.keep(known);
    if (judgement.changed) {
      const agoMs = isFollowing ? read.written?.agoMs : undefined;
      const lagMs = agoMs === undefined ? undefined : agoMs + clock.monotonic() - readAt;
      const arrival: Arrival = { by: 'replica', ...defined({ lagMs }) };
      const { urgent, written } = read;
      watchers.emit({ kind: 'state', state: known.state, urgent, arrival, ...defined({ trace: written?.trace }) });
    }
    isFollowing = true;
    if (judgement.unsealed === true) await sealAnew(known);
    await takeEdits();
  };

  /** From now on there are two copies, and the present seal. */
  const sealAnew = async ({ state }: Known): Promise<void> => {
    [rewrite, standing] = ['accepted', 'damaged'];
    if (!(await write(state, [], { author: 'control plane' }))) return;
    log.info({ revision: state.revision }, 'what an earlier version had sealed is sealed anew');
    watchers.emit({ kind: 'sealed', revision: state.revision });
  };

  /** The last good state, as it was, once it has been lost for long enough. */
  const writeAgain = async (): Promise<void> => {
    if (known === undefined || known.epoch === '' || clock.monotonic() - (lostSince ?? 0) < settleMs) return;
    if (await write(known.state, [], { author: 'control plane' })) deps.onWrittenAgain();
  };

  /** What somebody wrote there directly, as far as it may come into force. */
  const takeEdits = async (): Promise<void> => {
    if (stored === undefined || (standing !== 'good' && !neverKnown())) return;
    // Where nothing can be accepted, all of it is an edit of nothing.
    const edited = neverKnown() ? editedTexts(stored) : stored.edits;
    const base = known?.state ?? nothingStored;
    const next = direct.judge(base, edited);
    if (next === undefined) return;
    const keys = next.edits.map(({ key }) => key);
    const state = { ...next.after, revision: revisionAfter(base.revision) };
    let isWritten = false;
    try {
      isWritten = await write(state, next.edits, { author: directAuthor, direct: new Set(keys) });
    } finally {
      // Somebody was faster, or Redis does not take it: it is tried again.
      if (!isWritten) direct.forget();
    }
    if (!isWritten) return;
    log.info({ revision: state.revision, author: directAuthor, changed: keys }, 'documents edited in Redis');
  };

  const revisionAfter = (revision: number): number => {
    const there = stored?.revision ?? 0;
    return Math.max(revision, before?.revision ?? 0, there < revision + maxAhead ? there : 0) + 1;
  };

  const write = async (next: StoreState, edits: readonly Edit[], by: ApplyOptions): Promise<boolean> => {
    const epoch = known !== undefined && known.epoch !== '' ? known.epoch : randomUUID();
    const urgent = by.urgent === true;
    const written = await writeState({
      ...{ link, prefix, seal, stored, epoch, next, edits, urgent, author: by.author },
      ...{ rewrite: standing === 'damaged' ? rewrite : 'nothing', direct: by.direct ?? new Set<DocumentKey>() },
      ...{ at: new Date(clock.now()), ...defined({ trace: by.trace }) },
    });
    if (written === undefined) return false;
    const changed = known?.state !== next;
    known = { epoch, state: next };
    stored = written.stored;
    standing = 'good';
    lostSince = undefined;
    setProblems([]);
    direct.settled(new Set(edits.map(({ key }) => key)));
    if (written.over.length > 0) {
      log.warn({ keys: written.over, author: by.author }, 'edits in Redis that were not in force are written over');
      watchers.emit({ kind: 'superseded', keys: written.over, author: by.author });
    }
    if (!changed) return true;
    const isDirect = by.author === directAuthor && by.mark === undefined;
    const more = { ...(isDirect ? { direct: true as const } : {}), ...defined({ trace: by.trace }) };
    watchers.emit({ kind: 'state', state: next, urgent, ...more });
    lastGood.keep(known);
    return true;
  };

  return {
    known: () => known,
    state: () => known?.state,
    base: () => known?.state ?? (neverKnown() ? nothingStored : undefined),
    problems: allProblems,
    standing: () => standing,
    refuse: setProblems,
    reason: () => reason,
    isLost: () => lostSince !== undefined,
    costMs: () => costMs,
    refresh,
    revisionAfter,
    write,
    waiting: direct.waiting,
    refusedOf(keys) {
      if (stored === undefined || standing !== 'good') return [];
      const { edits } = stored;
      return direct.refused(edits).flatMap((name): readonly RevisionChange[] => {
        const key = name as DocumentKey;
        if (!keys.has(key)) return [];
        const before = documentOf(known?.state.documents ?? [], key)?.text;
        return [{ key, ...defined({ before, after: edits.get(key) }) }];
      });
    },
    async reject(edits) {
      await restoreDocuments({ link, prefix }, edits);
      direct.settled(new Set(edits.map(({ key }) => key)));
      await refresh(false);
    },
    reviewAgain: direct.forget,
  };
}
