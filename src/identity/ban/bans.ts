// Who is banned: an identity, or one host of it. In force in this process as soon as it is known, shared by control planes on one store,
// and kept across restarts. It ends only by being lifted: what disappears from the table stays banned.
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { type Json, sameJson, type Table } from '../../lib/table.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import { type Ban, type BanTarget, banJson, banKey, liftedJson, readBan, readBanKey } from './ban.ts';

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
  /** An operator's own, before one of the parent. */
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
  /** False if there was none. Throws `failed_precondition` for what the parent bans; and if it cannot be stored: then it stays. */
  lift(target: BanTarget): Promise<boolean>;
  /** What operators banned here, and what they lifted, by key: what control planes of cells are told. */
  news(): ReadonlyMap<string, Json>;
  /**
   * What the parent said: of each entry the later word counts, whatever order they arrive in. In force here when it is called; what cannot
   * be stored is again when the parent says it again. Returns those that are new.
   */
  hear(news: ReadonlyMap<string, Json>): readonly Ban[];
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
const keepAgainMs = 5000;
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
  /** When each was lifted, by key. */
  const lifted = new Map<string, number>();
  const unkept = new Map<string, Json>();
  const listeners = new Set<() => void>();
  let atProxies: BannedCallers | undefined;
  let cancel = (): void => {};
  let cancelKeep = (): void => {};
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
    const key = banKey(ban.target, ban.from);
    lifted.delete(key);
    const before = known.get(key)?.ban;
    if (before !== undefined && sameJson(banJson(before), banJson(ban))) return false;
    known.set(key, { ban, overAt: clock.monotonic() + Math.max(0, ban.until - clock.now()) });
    return true;
  };
  const forget = (key: string, at: number): boolean => {
    lifted.set(key, at);
    return known.delete(key);
  };
  const told = (key: string, value: Json | undefined): boolean => {
    const whose = readBanKey(key);
    // Whoever can delete entries cannot lift a ban.
    if (whose === undefined || value === undefined) return false;
    const ban = readBan(whose, value);
    // Another control plane of the cell may not have heard yet what the parent said since.
    if (whose.from === 'parent' && lastWord(ban) < (known.get(key)?.ban.at ?? lifted.get(key) ?? 0)) return false;
    return 'lifted' in ban ? forget(key, ban.lifted) : learn(ban);
  };
  /** Of the parent's: tried again until the store takes it. */
  const keep = (key: string, value: Json): void => {
    unkept.delete(key);
    const isLifted = 'lifted' in Object(value);
    table.set(key, value, isLifted ? { ttlMs: liftedMs } : {}).catch(() => {
      if (!unkept.has(key)) unkept.set(key, value);
      cancelKeep();
      cancelKeep = clock.after(keepAgainMs, () => {
        for (const [late, what] of [...unkept]) keep(late, what);
      });
    });
  };
  const find = (target: BanTarget): Ban | undefined =>
    (known.get(banKey(target)) ?? known.get(banKey(target, 'parent')))?.ban;
  const isBanned = ({ spiffeId, nodeKey }: Bearer): boolean =>
    (spiffeId !== undefined && find({ kind: 'identity', spiffeId }) !== undefined) ||
    (nodeKey !== undefined && find({ kind: 'host', nodeKey }) !== undefined);
  const own = (): readonly Known[] => [...known.values()].filter(({ ban }) => ban.from === undefined);

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
    find,
    isBanned,
    check(bearer) {
      if (!isBanned(bearer)) return;
      // Why is between operators.
      throw new CellwallError('permission_denied', 'this host or its identity is banned', {
        hint: 'an operator can lift the ban: cellwall unban',
      });
    },
    forProxies: () => atProxies,
    async ban(given) {
      const key = banKey(given.target);
      if (!known.has(key)) {
        const lasting = own().filter((one) => !isOver(one)).length;
        if (own().length >= maxBans || lasting >= maxAtProxies) {
          throw new CellwallError(
            'resource_exhausted',
            `there are ${own().length} bans, ${lasting} of them at proxies`,
            {
              hint: 'lift what is no longer needed ("cellwall ban list"), or delete the Service or Workload',
            },
          );
        }
      }
      // Later than what it takes back, whichever control plane's clock that was by.
      const ban = { ...given, at: Math.max(given.at, (lifted.get(key) ?? 0) + 1, known.get(key)?.ban.at ?? 0) };
      if (learn(ban)) {
        refresh();
        tell();
      }
      await table.set(key, banJson(ban));
    },
    async lift(target) {
      const key = banKey(target);
      if (known.has(banKey(target, 'parent'))) {
        throw new CellwallError('failed_precondition', 'it is banned by the parent', { hint: 'lift that ban there' });
      }
      const ban = known.get(key)?.ban;
      if (ban === undefined) return false;
      const at = Math.max(clock.now(), ban.at + 1);
      await table.set(key, liftedJson(at), { ttlMs: liftedMs });
      forget(key, at);
      refresh();
      tell();
      return true;
    },
    news() {
      const bans = own().map(({ ban }) => [banKey(ban.target), banJson(ban)] as const);
      const ended = [...lifted].filter(([key]) => readBanKey(key)?.from === undefined);
      return new Map([...bans, ...ended.map(([key, at]) => [key, liftedJson(at)] as const)]);
    },
    hear(news) {
      const added: Ban[] = [];
      let changed = false;
      for (const [theirs, value] of news) {
        const whose = readBanKey(theirs);
        // What a parent hears from a parent of its own is none of ours.
        if (whose === undefined || whose.from !== undefined) continue;
        const ban = readBan({ ...whose, from: 'parent' }, value);
        const key = banKey(whose.target, 'parent');
        const [isOn, before] = [known.has(key), known.get(key)?.ban.at ?? lifted.get(key)];
        const at = lastWord(ban);
        if (before !== undefined && at <= before) continue;
        if ('lifted' in ban) forget(key, at);
        else learn(ban);
        changed = true;
        if (!('lifted' in ban) && !isOn) added.push(ban);
        keep(key, value);
      }
      if (changed) {
        refresh();
        tell();
      }
      return added;
    },
    watch(listener) {
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    stop() {
      cancel();
      cancelKeep();
      unwatch();
    },
  };
}

function lastWord(ban: ReturnType<typeof readBan>): number {
  return 'lifted' in ban ? ban.lifted : ban.at;
}

function callersOf(targets: readonly BanTarget[]): BannedCallers | undefined {
  if (targets.length === 0) return undefined;
  const identities = new Set(targets.flatMap((target) => (target.kind === 'identity' ? target.spiffeId : [])));
  const hosts = new Set(targets.flatMap((target) => (target.kind === 'host' ? target.nodeKey : [])));
  return { identities: [...identities].toSorted(), hosts: [...hosts].toSorted() };
}
