// The store on Redis (or Valkey), for several replicas. Documents are in a hash; a Lua script makes an apply atomic and refuses it if the
// revision changed; pub/sub notifies the others, and a poll covers what pub/sub loses. Data lost by Redis is never taken for an intended
// removal, and what others write there is never taken for ours: states and entries are sealed, and never older than what was seen here.
// While Redis is unavailable the last good state stays, and what Redis lost is written again.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import { createSeal } from '../lib/seal.ts';
import type { Problem } from '../model/problem.ts';
import { wantedRevision } from './next-revision.ts';
import type { Edit } from './plan-changes.ts';
import { createPlanner, planDocuments } from './planner.ts';
import type { RedisConnection } from './redis/connection.ts';
import { createEvictionWatch } from './redis/evictions.ts';
import { createReach } from './redis/kept-table.ts';
import { openLastGood } from './redis/last-good.ts';
import { createRedisLink } from './redis/link.ts';
import { createMender } from './redis/mender.ts';
import { firstAnswer, startPolling } from './redis/polling.ts';
import { isUnreadable } from './redis/redis-error.ts';
import { readScript } from './redis/scripts.ts';
import { judgeStored, latest, parseStored, type StoredState, unreadable } from './redis/stored-state.ts';
import { createRedisTables } from './redis/tables.ts';
import { createTrouble } from './redis/trouble.ts';
import { channelOf, keysOf, maxBytes, maxDocuments, refuseTooLarge, writeState } from './redis/write-state.ts';
import { refuseAway, refuseConflict, requireState } from './refuse.ts';
import { createSerial } from './serial.ts';
import { openStateDatabase } from './sqlite/state-database.ts';
import {
  type ApplyOptions,
  type ApplyResult,
  type Change,
  nothingStored,
  type StateCheck,
  type Store,
  type StoreState,
} from './store.ts';
import { createWatchers } from './watchers.ts';
import { withHistory } from './with-history.ts';

export interface RedisStoreOptions {
  readonly connection: RedisConnection;
  /** Prefix of every key, followed by a colon. On a Redis Cluster it must be a hash tag: `{cellwall}`. */
  readonly prefix: string;
  readonly check: StateCheck;
  readonly log: Log;
  readonly clock: Clock;
  /** What states and entries are sealed with: whoever writes to Redis does not have it. */
  readonly sealKey: Redacted<string>;
  /** A folder for the last good state, and for what was seen in Redis. Default: nothing outlives the process. */
  readonly state?: string;
  /** Interval of checks without a notification, milliseconds. Default 3000. */
  readonly pollMs?: number;
  /** Limit for every command, and for the first connection, milliseconds. Default 2000. */
  readonly commandTimeoutMs?: number;
  /** What Redis lost is written again when it stays lost for this long, milliseconds. Default 3000: somebody may be restoring it. */
  readonly settleMs?: number;
}

const maxAttempts = 20;
/** A revision there is accepted if it is ahead by at most this much. */
const maxAhead = 1_000_000;

export async function createRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { connection, prefix, check, log, clock, state: folder, pollMs = 3000 } = options;
  const { commandTimeoutMs = 2000, settleMs = 3000 } = options;
  const seal = createSeal(options.sealKey);
  const watchers = createWatchers(log);
  const serial = createSerial();
  let closed = false;
  const database = folder === undefined ? undefined : openStateDatabase(folder, clock);
  const lastGood = openLastGood({ database, folder, check, clock, log });
  let known = lastGood.resume();
  const before = lastGood.seen();
  const judging = { check, seal, refused: lastGood.refused, file: `${prefix}:documents` };
  let answered = false;
  let problems: readonly Problem[] = [];
  /** What was in Redis when last read, and whether an apply may overwrite all of it. */
  let stored: StoredState | undefined;
  let standing: 'good' | 'damaged' | 'foreign' = 'good';
  let reason = 'Redis did not answer yet';
  /** Since when it is seen to be lost, and nothing else stands there; monotonic. */
  let lostSince: number | undefined;
  const trouble = createTrouble({ clock, log });
  const reach = createReach(trouble.away);
  const restored = (documents: boolean, entries: number, tables: readonly string[]): void => {
    log.warn({ documents, entries, tables }, 'what Redis had lost is written again');
    watchers.emit({ kind: 'restored', documents, entries, tables });
  };
  const mender = createMender({ onRestored: (entries, tables) => restored(false, entries, tables), log });

  const setProblems = (next: readonly Problem[]): void => {
    if (JSON.stringify(next) === JSON.stringify(problems)) return;
    problems = next;
    if (next[0])
      log.warn({ first: next[0].message }, 'the documents in Redis are not usable: the last good state stays');
    watchers.emit({ kind: 'problems', problems });
  };

  const refresh = async (full: boolean): Promise<void> => {
    if (closed) return;
    const last = stored === undefined || full ? '' : `${stored.epoch}/${stored.writtenRevision}/${stored.texts.size}`;
    const reply = await link.script(readScript, keysOf(prefix), [last, String(maxDocuments), String(maxBytes)]);
    answered = true;
    const read = parseStored(reply);
    trouble.answered(mender.refused());
    if (read === undefined) return;
    stored = read;
    const judgement = judgeStored(read, known, latest(before, known), judging);
    standing = judgement.kind;
    const lost = judgement.kind === 'damaged' && judgement.lost;
    if (lost && lostSince === undefined) mender.suspect();
    lostSince = lost ? (lostSince ?? clock.monotonic()) : undefined;
    if (judgement.kind !== 'good') {
      [reason] = [judgement.problems[0]?.message ?? reason];
      setProblems(judgement.problems);
      return lost ? writeAgain() : undefined;
    }
    known = judgement.known;
    setProblems([]);
    if (judgement.changed) lastGood.keep(known);
    if (judgement.changed) watchers.emit({ kind: 'state', state: known.state, urgent: read.urgent });
  };

  /** The last good state, as it was, once it has been lost for long enough. */
  const writeAgain = async (): Promise<void> => {
    if (known === undefined || known.epoch === '' || clock.monotonic() - (lostSince ?? 0) < settleMs) return;
    if (await write(known.state, [], { author: 'control plane' })) restored(true, 0, []);
  };

  let looking = false;
  const look = (full = false): void => {
    // Whoever writes to Redis can send any number of messages: one check handles all of them.
    if (looking) return;
    looking = true;
    serial
      .run(() => {
        looking = false;
        return refresh(full);
      })
      .then(
        () => {
          // Not in `serial`: what is applied does not wait for it. To another deployment's Redis nothing is written.
          if (standing !== 'foreign') void mender.run();
        },
        (error: unknown) => {
          const found = CellwallError.from(error);
          reason = found.message;
          log.debug({ reason }, 'reading Redis failed');
          // It answers, but not with what is ours: that is no outage.
          if (!isUnreadable(found)) return trouble.failed(found);
          trouble.answered(mender.refused());
          setProblems([unreadable(`${prefix}:documents`, found)]);
        },
      );
  };
  const link = createRedisLink({
    ...{ connection, log, channel: channelOf(prefix), commandTimeoutMs },
    onNews: (message) => (message === 'table' ? tables.look() : look()),
    onConnected() {
      mender.suspect();
      tables.restart();
    },
  });
  const channel = channelOf(prefix);
  const tables = createRedisTables({ link, prefix, channel, database, seal, reach, onOpen: mender.add, clock, log });
  const planner = createPlanner((base, changes) => planDocuments(base, changes, check));
  const apply = async (changes: readonly Change[], applyOptions: ApplyOptions): Promise<ApplyResult> => {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      // Our data was never there: the first apply starts from scratch.
      const none = before === undefined && standing === 'damaged' ? nothingStored : undefined;
      const base = requireState(known?.state ?? none, link.trouble() ?? reason);
      refuseConflict(base.revision, applyOptions);
      const plan = planner.plan(base, changes);
      const { problems: found } = plan;
      if (plan.kind === 'invalid') return { kind: 'invalid', problems: found };
      const wanted = wantedRevision(base, applyOptions);
      if (plan.kind === 'unchanged' && standing === 'good' && wanted === undefined) {
        return { kind: 'unchanged', revision: base.revision, warnings: found };
      }
      if (standing === 'foreign') {
        throw new CellwallError('failed_precondition', `Redis holds what cannot be accepted: ${reason}`, {
          hint: 'nothing is written over it',
        });
      }
      const { after: judged, edits, changed } = plan.kind === 'next' ? plan : { after: base, edits: [], changed: [] };
      const next: StoreState = { ...judged, revision: wanted ?? after(base.revision) };
      refuseTooLarge(next);
      if (await write(next, edits, applyOptions)) {
        log.info({ revision: next.revision, author: applyOptions.author, changed }, 'documents applied');
        return { kind: 'applied', revision: next.revision, changed, warnings: found };
      }
      await refresh(false);
    }
    throw new CellwallError('aborted', 'others change the documents all the time', { hint: 'apply again' });
  };

  /** Later than what is in force, and than what another control plane may have written there. */
  const after = (revision: number): number => {
    const there = stored?.revision ?? 0;
    return Math.max(revision, before?.revision ?? 0, there < revision + maxAhead ? there : 0) + 1;
  };

  /** False if Redis has changed since we last read it: then nothing was written. */
  async function write(next: StoreState, edits: readonly Edit[], by: ApplyOptions): Promise<boolean> {
    const epoch = known !== undefined && known.epoch !== '' ? known.epoch : randomUUID();
    const urgent = by.urgent === true;
    const written = await writeState({
      ...{ link, prefix, seal, stored, epoch, next, edits, urgent },
      ...{ rewrite: standing === 'damaged', author: by.author, at: new Date(clock.now()) },
    });
    if (written === undefined) return false;
    const changed = known?.state !== next;
    known = { epoch, state: next };
    stored = written;
    standing = 'good';
    lostSince = undefined;
    setProblems([]);
    if (!changed) return true;
    watchers.emit({ kind: 'state', state: next, urgent });
    lastGood.keep(known);
    return true;
  }

  await firstAnswer({ clock, timeoutMs: commandTimeoutMs, answered: () => answered, idle: serial.idle });
  if (!answered) trouble.failed(new CellwallError('unavailable', link.trouble() ?? reason), true);
  const stopPolling = startPolling({
    ...{ clock, pollMs, look, tables, evicted: createEvictionWatch(link, prefix, log), suspect: mender.suspect },
    hurry: () => trouble.away() !== undefined || lostSince !== undefined,
  });

  const store: Omit<Store, 'history'> = {
    state: () => known?.state,
    problems: () => problems,
    trouble: trouble.now,
    plan: (changes) => planner.plan(known?.state ?? nothingStored, changes),
    async apply(changes, applyOptions) {
      refuseAway(trouble.away());
      return serial.run(async () => {
        if (closed) throw new CellwallError('unavailable', 'the store is closed');
        return apply(changes, applyOptions);
      });
    },
    ...{ ...lastGood.shown(() => known), watch: watchers.watch, table: tables.table, entries: tables.entries },
    async close() {
      if (closed) return;
      closed = true;
      stopPolling();
      watchers.clear();
      link.close();
      await serial.idle();
      await mender.run();
      lastGood.close();
      database?.close();
    },
  };
  return withHistory(store, { clock, log });
}
