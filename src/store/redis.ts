// The store on Redis (or Valkey), for several replicas. Documents are in a hash; a Lua script makes an apply atomic and refuses it if the
// revision changed; pub/sub notifies the others, and a poll covers what pub/sub loses. Data lost by Redis is never taken for an intended
// removal, and what others write there is never taken for ours: states and entries are sealed, and never older than what was seen here.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import { createSeal } from '../lib/seal.ts';
import type { Table } from '../lib/table.ts';
import type { Problem } from '../model/problem.ts';
import { createMemoryTable } from './memory-table.ts';
import type { Edit } from './plan-changes.ts';
import { createPlanner, planDocuments } from './planner.ts';
import { createGuardedTable } from './redis/guarded-table.ts';
import { openLastGood } from './redis/last-good.ts';
import { createRedisLink } from './redis/link.ts';
import { createRedisTable } from './redis/redis-table.ts';
import { applyScript, readScript } from './redis/scripts.ts';
import { judgeStored, parseStored, type Seen, type StoredState, sealedContent, textsOf } from './redis/stored-state.ts';
import { checkTableName, refuseConflict, requireState } from './refuse.ts';
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
  readonly url: Redacted<string>;
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
}

/** Every this many polls everything is read, so that a manual edit is noticed. */
const fullReadEvery = 10;
const maxAttempts = 20;
/** As the directory has them. */
const maxDocuments = 10_000;
const maxBytes = 64 * 1024 * 1024;
/** A revision there is accepted if it is ahead by at most this much. */
const maxAhead = 1_000_000;
/** Which CA the store belongs to must be readable by a control plane with another key, too. */
const unsealed: readonly string[] = ['authority'];

function unreadable(file: string, error: unknown): Problem {
  const { message, hint = 'remove what others wrote under these keys' } = CellwallError.from(error);
  return { severity: 'error', code: 'store-unreadable', message, hint, source: { file, line: 1, column: 1 } };
}

export async function createRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { url, prefix, check, log, clock, state: folder, pollMs = 3000, commandTimeoutMs = 2000 } = options;
  const seal = createSeal(options.sealKey);
  const keys = [`${prefix}:epoch`, `${prefix}:meta`, `${prefix}:documents`];
  const channel = `${prefix}:changes`;
  const watchers = createWatchers(log);
  const serial = createSerial();
  let closed = false;
  const database = folder === undefined ? undefined : openStateDatabase(folder, clock);
  const lastGood = openLastGood({ database, check, log });
  let known = lastGood.resume();
  const before = lastGood.seen();
  const seen = (): Seen | undefined =>
    known === undefined || known.epoch === '' ? before : { epoch: known.epoch, revision: known.state.revision };
  let answered = false;
  let problems: readonly Problem[] = [];
  /** What was in Redis when last read, and whether an apply may overwrite all of it. */
  let stored: StoredState | undefined;
  let standing: 'good' | 'damaged' | 'foreign' = 'good';
  let reason = 'Redis did not answer yet';

  const setProblems = (next: readonly Problem[]): void => {
    if (JSON.stringify(next) === JSON.stringify(problems)) return;
    problems = next;
    if (next.length > 0)
      log.warn({ first: next[0]?.message }, 'the documents in Redis are not usable: the last good state stays');
    watchers.emit({ kind: 'problems', problems });
  };

  const refresh = async (full: boolean): Promise<void> => {
    if (closed) return;
    const last = stored === undefined || full ? '' : `${stored.epoch}/${stored.writtenRevision}/${stored.texts.size}`;
    const reply = await link.script(readScript, keys, [last, String(maxDocuments), String(maxBytes)]);
    answered = true;
    const read = parseStored(reply);
    if (read === undefined) return;
    stored = read;
    const judgement = judgeStored(read, known, seen(), { check, seal, file: `${prefix}:documents` });
    standing = judgement.kind;
    if (judgement.kind !== 'good') {
      [reason] = [judgement.problems[0]?.message ?? reason];
      setProblems(judgement.problems);
      return;
    }
    known = judgement.known;
    setProblems([]);
    if (judgement.changed) lastGood.keep(known);
    if (judgement.changed) watchers.emit({ kind: 'state', state: known.state, urgent: read.urgent });
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
      .catch((error: unknown) => {
        reason = CellwallError.from(error).message;
        log.debug({ reason }, 'reading Redis failed');
        // It answers, but not with our data: that is not an outage.
        if (link.trouble() === undefined && answered) setProblems([unreadable(`${prefix}:documents`, error)]);
      });
  };
  const link = createRedisLink({ url, log, channel, onNews: () => look(), commandTimeoutMs });
  let polls = 0;
  let cancelPoll: () => void = () => {};
  const poll = (): void => {
    cancelPoll = clock.after(pollMs * (0.9 + Math.random() / 5), () => {
      look(++polls % fullReadEvery === 0);
      poll();
    });
  };

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
      if (plan.kind === 'unchanged' && standing === 'good') {
        return { kind: 'unchanged', revision: base.revision, warnings: found };
      }
      if (standing === 'foreign') {
        throw new CellwallError('failed_precondition', `Redis holds what cannot be accepted: ${reason}`, {
          hint: 'nothing is written over it',
        });
      }
      const { after: judged, edits, changed } = plan.kind === 'next' ? plan : { after: base, edits: [], changed: [] };
      const next: StoreState = { ...judged, revision: after(base.revision) };
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
  const write = async (
    next: StoreState,
    edits: readonly Edit[],
    { author, urgent }: ApplyOptions,
  ): Promise<boolean> => {
    const rewrite = standing === 'damaged';
    const epoch = known !== undefined && known.epoch !== '' ? known.epoch : randomUUID();
    const texts = textsOf(next.documents);
    const puts = rewrite ? [...texts] : edits.flatMap(({ key, document }) => (document ? [[key, document.text]] : []));
    const deletes = rewrite ? [] : edits.filter(({ document }) => document === undefined).map(({ key }) => key);
    const content = { epoch, revision: next.revision, urgent: urgent === true, texts };
    const sealText = seal.of(sealedContent(content));
    const reply = await link.script(applyScript, keys, [
      ...[stored?.epoch ?? '', stored?.writtenRevision ?? '0', epoch, String(next.revision), sealText],
      ...[author, new Date(clock.now()).toISOString(), urgent === true ? '1' : '0', rewrite ? '1' : '0', channel],
      ...[String(puts.length), ...puts.flat(), ...deletes],
    ]);
    if (!Array.isArray(reply) || reply[0] !== 'applied') return false;
    known = { epoch, state: next };
    stored = { ...content, writtenRevision: String(next.revision), seal: sealText };
    standing = 'good';
    setProblems([]);
    watchers.emit({ kind: 'state', state: next, urgent: urgent ?? false });
    lastGood.keep(known);
    return true;
  };

  await firstLook();
  poll();

  const tables = new Map<string, Table>();
  const store: Omit<Store, 'history'> = {
    state: () => known?.state,
    problems: () => problems,
    plan: (changes) => planner.plan(known?.state ?? nothingStored, changes),
    apply: (changes, applyOptions) =>
      serial.run(async () => {
        if (closed) throw new CellwallError('unavailable', 'the store is closed');
        return apply(changes, applyOptions);
      }),
    watch: watchers.watch,
    table(name) {
      checkTableName(name);
      const known = tables.get(name);
      if (known !== undefined) return known;
      const table = createRedisTable(link, `${prefix}:table:${name}:`);
      const memory = database?.table(`redis-${name}`) ?? createMemoryTable(clock);
      const made = unsealed.includes(name) ? table : createGuardedTable({ name, table, memory, seal, clock, log });
      tables.set(name, made);
      return made;
    },
    async close() {
      if (closed) return;
      closed = true;
      cancelPoll();
      watchers.clear();
      link.close();
      await serial.idle();
      database?.close();
    },
  };
  return withHistory(store, { clock, log });

  /** Waits for the first answer, but not longer than the limit of a command: Redis may come up later. */
  async function firstLook(): Promise<void> {
    const end = clock.monotonic() + commandTimeoutMs;
    while (!answered && clock.monotonic() < end) {
      await new Promise<void>((resolve) => void setTimeout(resolve, 5));
      await serial.idle();
    }
  }
}
