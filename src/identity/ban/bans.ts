// Who is banned: an identity, or one host of it. In force in this process as soon as it is known, shared by control planes on one store,
// and kept across restarts. It ends only by being lifted: what disappears from the table stays banned.
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { sameJson, type Table } from '../../lib/table.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import { type Ban, type BanTarget, banJson, banKey, readBan, targetOf } from './ban.ts';

/** What proxies have to refuse. Sorted; never both empty. */
export interface BannedCallers {
  readonly identities: readonly SpiffeId[];
  /** Node keys. */
  readonly hosts: readonly string[];
}

/** An identity on a host, as far as they are known. */
export interface Bearer {
  readonly spiffeId?: SpiffeId | undefined;
  readonly nodeKey?: string | undefined;
}

export interface Bans {
  /** Loads them, and follows what others who share the store ban and lift. Call once, first. */
  restore(): Promise<void>;
  /** The newest first. */
  list(): readonly Ban[];
  find(target: BanTarget): Ban | undefined;
  isBanned(bearer: Bearer): boolean;
  /** Throws `permission_denied` for a banned one. */
  check(bearer: Bearer): void;
  /** The same object until it changes. Undefined: nobody. */
  forProxies(): BannedCallers | undefined;
  /**
   * In force here when it is called. Throws `resource_exhausted` if there are too many, and then bans nobody; and whatever the table throws
   * if it cannot be stored: then it is in force here, until a restart.
   */
  ban(ban: Ban): Promise<void>;
  /** False if there was none. Throws if it cannot be stored: then it stays. */
  lift(target: BanTarget): Promise<boolean>;
  /** Called after each change, whoever made it, and when proxies need not refuse somebody any more. The returned function ends that. */
  watch(listener: () => void): () => void;
  stop(): void;
}

export interface BansDeps {
  readonly table: Table;
  readonly clock: Clock;
}

/** Each host costs a proxy 4 µs for each request that it serves. */
const maxAtProxies = 256;
const maxBans = 4096;
/** Longer than another control plane is away and comes back with what it knew. */
const liftedMs = 90 * 86_400_000;
/** Timers take no more than 24 days. */
const longestWaitMs = 86_400_000;

interface Known {
  readonly ban: Ban;
  /** By the monotonic clock: a clock that jumps ahead lifts nothing. */
  readonly overAt: number;
}

/** Knows nobody before `restore`. */
export function createBans({ table, clock }: BansDeps): Bans {
  const known = new Map<string, Known>();
  const listeners = new Set<() => void>();
  let atProxies: BannedCallers | undefined;
  let cancel = (): void => {};
  let unwatch = (): void => {};

  const isOver = ({ overAt }: Known): boolean => overAt <= clock.monotonic();
  const refresh = (): void => {
    cancel();
    const lasting = [...known.values()].filter((one) => !isOver(one));
    const next = callersOf(lasting.map(({ ban }) => ban.target));
    if (JSON.stringify(next) !== JSON.stringify(atProxies)) atProxies = next;
    if (lasting.length === 0) return;
    const first = Math.min(...lasting.map(({ overAt }) => overAt)) - clock.monotonic();
    cancel = clock.after(Math.min(longestWaitMs, Math.max(0, first)), () => {
      refresh();
      tell();
    });
  };
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  /** Whether anything changed. */
  const learn = (ban: Ban): boolean => {
    const key = banKey(ban.target);
    const before = known.get(key)?.ban;
    if (before !== undefined && sameJson(banJson(before), banJson(ban))) return false;
    known.set(key, { ban, overAt: clock.monotonic() + Math.max(0, ban.until - clock.now()) });
    return true;
  };
  const told = (key: string, value: Parameters<typeof readBan>[1] | undefined): boolean => {
    const target = targetOf(key);
    // Whoever can delete entries cannot lift a ban.
    if (target === undefined || value === undefined) return false;
    const ban = readBan(target, value);
    return ban === 'lifted' ? known.delete(key) : learn(ban);
  };
  const isBanned = ({ spiffeId, nodeKey }: Bearer): boolean =>
    (spiffeId !== undefined && known.has(banKey({ kind: 'identity', spiffeId }))) ||
    (nodeKey !== undefined && known.has(banKey({ kind: 'host', nodeKey })));

  return {
    async restore() {
      for (const { key, value } of await table.list()) told(key, value);
      refresh();
      unwatch();
      unwatch = table.watch(({ key, value }) => {
        if (!told(key, value)) return;
        refresh();
        tell();
      });
    },
    list: () => [...known.values()].map(({ ban }) => ban).toSorted((a, b) => b.at - a.at),
    find: (target) => known.get(banKey(target))?.ban,
    isBanned,
    check(bearer) {
      if (!isBanned(bearer)) return;
      // Why is between operators.
      throw new CellwallError('permission_denied', 'this host or its identity is banned', {
        hint: 'an operator can lift the ban: cellwall unban',
      });
    },
    forProxies: () => atProxies,
    async ban(ban) {
      const key = banKey(ban.target);
      if (!known.has(key)) {
        const lasting = [...known.values()].filter((one) => !isOver(one)).length;
        if (known.size >= maxBans || lasting >= maxAtProxies) {
          throw new CellwallError('resource_exhausted', `there are ${known.size} bans, ${lasting} of them at proxies`, {
            hint: 'lift what is no longer needed ("cellwall ban list"), or delete the Service or Workload',
          });
        }
      }
      if (learn(ban)) {
        refresh();
        tell();
      }
      await table.set(key, banJson(ban));
    },
    async lift(target) {
      const key = banKey(target);
      if (!known.has(key)) return false;
      await table.set(key, { lifted: true, at: clock.now() }, { ttlMs: liftedMs });
      known.delete(key);
      refresh();
      tell();
      return true;
    },
    watch(listener) {
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    stop() {
      cancel();
      unwatch();
    },
  };
}

function callersOf(targets: readonly BanTarget[]): BannedCallers | undefined {
  if (targets.length === 0) return undefined;
  const identities = targets.flatMap((target) => (target.kind === 'identity' ? target.spiffeId : [])).toSorted();
  const hosts = targets.flatMap((target) => (target.kind === 'host' ? target.nodeKey : [])).toSorted();
  return { identities, hosts };
}
