// The store on Redis (or Valkey), for several replicas. Documents are in two hashes: what is in force, sealed, and what people may edit; a
// Lua script makes an apply atomic and refuses it if the revision changed; pub/sub notifies the others, and a poll covers what pub/sub
// loses. Data lost by Redis is never taken for an intended removal, and what others write there never comes into force as ours: states and
// entries are sealed, never older than what was seen here, and edits are judged (direct-edits.ts). While Redis is unavailable the last good
// state stays, and what Redis lost is written again.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import { createSeal, deriveKey } from '../lib/seal.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import type { DirectReview, StateCheck } from './judges.ts';
import { wantedRevision } from './next-revision.ts';
import { documentOf, type Edit } from './plan-changes.ts';
import { createPlanner, planDocuments } from './planner.ts';
import { createAccepted } from './redis/accepted.ts';
import type { RedisConnection } from './redis/connection.ts';
import { createEvictionWatch } from './redis/evictions.ts';
import { createReach } from './redis/kept-table.ts';
import { openLastGood } from './redis/last-good.ts';
import { createRedisLink } from './redis/link.ts';
import { createLook } from './redis/look.ts';
import { createMender } from './redis/mender.ts';
import { firstAnswer, startPolling } from './redis/polling.ts';
import { createStateSeal } from './redis/state-seal.ts';
import { unreadable } from './redis/stored-state.ts';
import { createRedisTables } from './redis/tables.ts';
import { createTrouble } from './redis/trouble.ts';
import { channelOf, refuseTooLarge } from './redis/write-state.ts';
import { refuseAway, refuseConflict, requireState } from './refuse.ts';
import type { RevisionChange } from './revision.ts';
import { createSerial } from './serial.ts';
import { openStateDatabase } from './sqlite/state-database.ts';
import {
  type ApplyOptions,
  type ApplyResult,
  type Change,
  nothingStored,
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
  /** Judges what somebody wrote there directly. Default: all that is valid comes into force. */
  readonly review?: DirectReview;
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
  /**
   * How often direct edits are looked for, milliseconds; less often where that would cost Redis more than a 25th of its time. Default 250.
   */
  readonly directMs?: number;
}

const maxAttempts = 20;

export async function createRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { connection, prefix, check, log, clock, state: folder, pollMs = 3000 } = options;
  const { commandTimeoutMs = 2000, settleMs = 3000, directMs = 250, review = reviewsNothing } = options;
  const key = keyAt(prefix, options.sealKey);
  const seal = createSeal(key);
  const watchers = createWatchers(log);
  const serial = createSerial();
  let closed = false;
  const database = folder === undefined ? undefined : openStateDatabase(folder, clock);
  const trouble = createTrouble({ clock, log });
  const reach = createReach(trouble.away);
  const toldRestored = (documents: boolean, entries: number, tables: readonly string[]): void => {
    log.warn({ documents, entries, tables }, 'what Redis had lost is written again');
    watchers.emit({ kind: 'restored', documents, entries, tables });
  };
  const mender = createMender({ onRestored: (entries, tables) => toldRestored(false, entries, tables), log });

  const lastGood = openLastGood({ database, folder, check, clock, log });
  let answered = false;
  const accepted = createAccepted({
    link: { script: (...given) => link.script(...given) },
    ...{ prefix, check, review, seal: createStateSeal(key), lastGood, watchers, clock, log, settleMs },
    onAnswer() {
      answered = true;
      trouble.answered(mender.refused());
    },
    onLost: mender.suspect,
    onWrittenAgain: () => toldRestored(true, 0, []),
  });
  let failure: string | undefined;
  const reason = (): string => failure ?? accepted.reason();
  const look = createLook({
    ...{ serial, log },
    refresh: async (full) => (closed ? undefined : accepted.refresh(full)),
    onDone() {
      failure = undefined;
      // Not in `serial`: what is applied does not wait for it. To another deployment's Redis nothing is written.
      if (accepted.standing() !== 'foreign') void mender.run();
    },
    onFailed(found, unreadableThere) {
      failure = found.message;
      if (!unreadableThere) return trouble.failed(found);
      trouble.answered(mender.refused());
      accepted.refuse([unreadable(`${prefix}:documents`, found)]);
    },
  });
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
  const putRight = async (broken: readonly RevisionChange[], author: string): Promise<void> => {
    await accepted.reject(broken);
    const keys = broken.map(({ key }) => key);
    log.info({ keys, author }, 'edits in Redis that were refused are replaced by what is in force');
    watchers.emit({ kind: 'superseded', keys, author });
  };
  const apply = async (changes: readonly Change[], applyOptions: ApplyOptions): Promise<ApplyResult> => {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      // If our data was never there, the first apply starts from scratch.
      const base = requireState(accepted.base(), link.trouble() ?? reason());
      const standing = accepted.standing();
      refuseConflict(base.revision, applyOptions);
      const plan = planner.plan(base, changes);
      const { problems: found } = plan;
      if (plan.kind === 'invalid') return { kind: 'invalid', problems: found };
      const wanted = wantedRevision(base, applyOptions);
      const broken = accepted.refusedOf(new Set(changes.map(({ key }) => key)));
      if (plan.kind === 'unchanged' && standing === 'good' && wanted === undefined) {
        if (broken.length > 0) await putRight(broken, applyOptions.author);
        return { kind: 'unchanged', revision: base.revision, warnings: found, ...restored(broken) };
      }
      if (standing === 'foreign') {
        throw new CellwallError('failed_precondition', `Redis holds what cannot be accepted: ${reason()}`, {
          hint: 'nothing is written over it',
        });
      }
      const { after: judged, edits, changed } = plan.kind === 'next' ? plan : { after: base, edits: [], changed: [] };
      const next: StoreState = { ...judged, revision: wanted ?? accepted.revisionAfter(base.revision) };
      refuseTooLarge(next);
      const named = new Set<string>(changed);
      const again = broken.filter(({ key }) => !named.has(key));
      const inForce = again.map(
        ({ key }): Edit => ({ key, ...defined({ document: documentOf(base.documents, key) }) }),
      );
      if (await accepted.write(next, [...edits, ...inForce], applyOptions)) {
        return { kind: 'applied', revision: next.revision, changed, warnings: found, ...restored(again) };
      }
      await accepted.refresh(false);
    }
    throw new CellwallError('aborted', 'others change the documents all the time', { hint: 'apply again' });
  };

  await firstAnswer({ clock, timeoutMs: commandTimeoutMs, answered: () => answered, idle: serial.idle });
  if (!answered) trouble.failed(new CellwallError('unavailable', link.trouble() ?? reason()), true);
  const stopPolling = startPolling({
    ...{
      clock,
      pollMs,
      directMs,
      look,
      tables,
      evicted: createEvictionWatch(link, prefix, log),
      suspect: mender.suspect,
    },
    hurry: () => trouble.away() !== undefined || accepted.isLost(),
    costMs: accepted.costMs,
  });

  const stopReview = review.watch(() => {
    accepted.reviewAgain();
    look();
  });
  const store: Omit<Store, 'history'> = {
    state: accepted.state,
    problems: accepted.problems,
    direct: {
      waiting: accepted.waiting,
      reject: (changes) => serial.run(() => accepted.reject(changes.flatMap((one) => one.changes))),
    },
    trouble: trouble.now,
    plan: (changes) => planner.plan(accepted.state() ?? nothingStored, changes),
    async apply(changes, applyOptions) {
      refuseAway(trouble.away());
      return serial.run(async () => {
        if (closed) throw new CellwallError('unavailable', 'the store is closed');
        return apply(changes, applyOptions);
      });
    },
    ...{ ...lastGood.shown(accepted.known), watch: watchers.watch, table: tables.table, entries: tables.entries },
    async close() {
      if (closed) return;
      closed = true;
      stopPolling();
      stopReview();
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

/** Another one for each prefix: what is sealed under one is nothing under another, also where deployments share the secret. */
function keyAt(prefix: string, secret: Redacted<string>): Redacted<string> {
  const name = prefix.replace(/^\{(.*)\}$/, '$1');
  return name === 'cellwall' ? secret : deriveKey(secret, `cellwall store at ${name}`);
}

function restored(broken: readonly RevisionChange[]): { readonly restored?: readonly DocumentKey[] } {
  return broken.length === 0 ? {} : { restored: broken.map(({ key }) => key) };
}

const reviewsNothing: DirectReview = { reasons: () => ({ bound: [], more: [] }), watch: () => () => {} };
