// Many endpoints that disappear at once, without a goodbye, rather tell of the control plane than of them: it was cut off, it slept, or it
// could not be reached after a restart. They stay what callers know, for a while, until they are back or say goodbye. Those that die one
// by one go as ever. All of this outlives a restart.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import { leaseJson, parseLease } from './lease.ts';
import { isEndpoint, type RegisteredProxy, type RegistryChange } from './registered-proxy.ts';
import type { Registry } from './registry.ts';

export interface HeldLosses {
  /** Listener for the changes of the registry that `of` is given. */
  onChange(change: RegistryChange): void;
  /** The registry, with those that are held among its proxies. Call once. */
  of<T extends Registry>(registry: T): T;
  /** How many are held because too many disappeared. */
  count(): number;
  stop(): void;
}

export interface HeldLossesDeps {
  /** Of its own, also where replicas share the registry: each writes the same there. */
  readonly table: Pick<Table, 'set' | 'delete' | 'list'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Told what callers of `of`'s registry are to know. */
  readonly onChange: (change: RegistryChange) => void;
  /** Those that disappear within this time do so at once, milliseconds. Default 2 s: each goes so much later. */
  readonly windowMs?: number;
  /** How long they are held, milliseconds. Default 10 min. */
  readonly holdMs?: number;
}

/** So many may disappear at once, and so large a part of all. */
const [fewest, share] = [5, 0.1];

export function createHeldLosses(deps: HeldLossesDeps): HeldLosses {
  const { table, clock, log, onChange, windowMs = 2000, holdMs = 600_000 } = deps;
  let inner: Registry | undefined;
  /** Endpoints as they were last seen. */
  const known = new Map<string, RegisteredProxy>();
  /** Those that disappeared, and are still shown. */
  const lost = new Map<string, RegisteredProxy>();
  /** Those of the present window. */
  let burst: string[] = [];
  const held = new Set<string>();
  const timers = new Set<() => void>();

  const later = (ms: number, task: () => void): void => {
    const cancel = clock.after(ms, () => {
      timers.delete(cancel);
      task();
    });
    timers.add(cancel);
  };
  const failed = (reason: unknown): void =>
    log.error({ reason: String(reason) }, 'endpoints that are held: not persisted');
  /** `until`: it is held; absent: that is not decided yet. */
  const keep = (node: string, until?: number): void => {
    const proxy = lost.get(node);
    if (proxy === undefined) return;
    const value = { lease: leaseJson(proxy), ...defined({ until }) };
    table.set(node, value, { ttlMs: holdMs + windowMs }).catch(failed);
  };
  const forget = (node: string): boolean => {
    held.delete(node);
    if (!lost.delete(node)) return false;
    table.delete(node).catch(failed);
    return true;
  };
  const release = (nodes: readonly string[]): void => {
    for (const node of nodes) if (forget(node)) onChange({ node, endpoints: true });
  };
  const judge = (): void => {
    const nodes = burst.filter((node) => lost.has(node));
    burst = [];
    const all = known.size + lost.size;
    if (nodes.length > Math.max(fewest, all * share)) hold(nodes, all);
    else release(nodes);
  };
  const hold = (nodes: readonly string[], all: number): void => {
    for (const node of nodes) {
      held.add(node);
      keep(node, clock.now() + holdMs);
    }
    const hint = 'if they are really gone, evict their hosts (cellwall node evict), or wait';
    log.error(
      { lost: nodes.length, of: all, minutes: holdMs / 60_000, hint },
      'many proxies disappeared at once: callers keep their endpoints for now',
    );
    later(holdMs, () => release(nodes.filter((node) => held.has(node))));
  };
  const lose = (proxy: RegisteredProxy): void => {
    lost.set(proxy.node, { ...proxy, state: 'held' });
    if (burst.length === 0) later(windowMs, judge);
    burst.push(proxy.node);
  };
  /** What was held, or about to be judged, when the process ended. */
  const resume = async (there: Pick<Registry, 'get'>): Promise<void> => {
    for (const { key: node, value } of await table.list()) {
      const { lease: stored, until }: { lease?: Json; until?: unknown } = Object(value);
      const lease = stored === undefined ? undefined : parseLease(stored);
      if (lease === undefined || there.get(node) !== undefined) {
        await table.delete(node);
        continue;
      }
      const { left: _, awaySince: __, by: ___, held: ____, ...proxy } = lease;
      lose({ ...proxy, node, state: 'held', since: clock.now() });
      if (typeof until !== 'number') continue;
      // The table has it still: a time that cannot be is another clock's.
      const left = until - clock.now();
      burst = burst.filter((other) => other !== node);
      held.add(node);
      later(left > 0 && left < holdMs ? left : holdMs, () => held.has(node) && release([node]));
    }
    const message = 'proxies had disappeared at once before the restart: callers keep their endpoints for now';
    if (held.size > 0) log.warn({ held: held.size }, message);
  };
  return {
    onChange(change) {
      const { node } = change;
      const now = inner?.get(node);
      if (now !== undefined) {
        forget(node);
        if (isEndpoint(now)) known.set(node, now);
        else known.delete(node);
        return onChange(change);
      }
      const before = known.get(node);
      known.delete(node);
      const disappeared = before !== undefined && inner?.away().some((proxy) => proxy.node === node) === true;
      if (!disappeared) return onChange(change);
      lose(before);
      keep(node);
    },
    of(registry) {
      inner = registry;
      const leave = (nodes: readonly string[]): void => release(nodes.filter((node) => lost.has(node)));
      return {
        ...registry,
        async restore() {
          await registry.restore();
          for (const proxy of registry.proxies()) if (isEndpoint(proxy)) known.set(proxy.node, proxy);
          await resume(registry).catch(failed);
        },
        left(node, run, holder) {
          registry.left(node, run, holder);
          const there = lost.get(node);
          if (there !== undefined && there.run === run && there.holder === holder) leave([node]);
        },
        evict(holder) {
          const gone = [...lost.values()].filter((proxy) => proxy.holder === holder).map(({ node }) => node);
          leave(gone);
          return [...registry.evict(holder), ...gone];
        },
        proxies: () => (lost.size === 0 ? registry.proxies() : [...registry.proxies(), ...lost.values()]),
        away: () => registry.away().filter(({ node }) => !lost.has(node)),
        get: (node) => registry.get(node) ?? lost.get(node),
      };
    },
    count: () => held.size,
    stop() {
      for (const cancel of timers) cancel();
      timers.clear();
    },
  };
}
