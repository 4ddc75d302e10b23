// A registry whose leases replicas share: its proxies are those of all of them. Each replica answers for those whose streams it has
// (own-registry.ts); what it knows of others' is what they wrote. If a replica dies, its proxies are held like any whose stream ended:
// those that come here in time are the endpoints that they were.
import { createBudget } from '../lib/budget.ts';
import { defined } from '../lib/defined.ts';
import type { TableChange } from '../lib/table.ts';
import { type Candidate, notItsHost, refusalOf } from './candidate.ts';
import { createEntries } from './entries.ts';
import { type Lease, parseLease } from './lease.ts';
import { createLeaseBook } from './lease-book.ts';
import { createOwnRegistry } from './own-registry.ts';
import { isEndpoint, moved, type RegisteredProxy } from './registered-proxy.ts';
import type { Registry, RegistryDeps } from './registry.ts';
import type { Replicas } from './replicas.ts';

export interface SharedRegistryDeps extends RegistryDeps {
  readonly replicas: Pick<Replicas, 'id' | 'isAlive' | 'hears' | 'watch'>;
}

export interface SharedRegistry extends Registry {
  stop(): void;
}

/** A proxy of another replica. */
interface Other {
  readonly proxy: RegisteredProxy;
  readonly by: string;
  /** Its replica is gone, or told so: until then it is held. */
  readonly cancelTimer?: () => void;
}

const againMs = 5000;
const tellings = { burst: 1, everyMs: 60_000 };

/** Knows no lease before `restore`. */
export function createSharedRegistry(deps: SharedRegistryDeps): SharedRegistry {
  const { leases, replicas, clock, log, holdDownMs = 30_000, onChange } = deps;
  const { id } = replicas;
  const others = createEntries<Other>();
  const telling = createBudget({ clock, ...tellings });
  const book = createLeaseBook({
    table: leases,
    id,
    log,
    onReady: (node) => own.accepted(node),
    onTold: (change) => told(change),
  });
  const isOwn = ({ by = id }: Lease): boolean => by === id;
  const own = createOwnRegistry({
    ...deps,
    sharing: { writer: book, isOwn, elsewhere: others, hears: replicas.hears },
  });
  const drop = (node: string): void => {
    others.get(node)?.cancelTimer?.();
    others.delete(node);
  };
  const get = (node: string): RegisteredProxy | undefined => {
    const [mine, other] = [own.get(node), others.get(node)?.proxy];
    return mine?.state === 'connected' ? mine : (other ?? mine);
  };
  /** `change` may change what is known of the node. */
  const changing = (node: string, change: () => void): void => {
    const before = get(node);
    change();
    const after = get(node);
    if (before === undefined && after === undefined) return;
    const [was, is] = [before !== undefined && isEndpoint(before), after !== undefined && isEndpoint(after)];
    const endpoints = was !== is || (is && before !== undefined && after !== undefined && moved(before, after));
    onChange({ node, endpoints });
  };
  const expire = (node: string): void => {
    const other = others.get(node);
    if (other === undefined) return;
    if (!replicas.hears()) {
      others.set(node, { ...other, cancelTimer: clock.after(againMs, () => expire(node)) });
      return;
    }
    book.change(node, (there) => {
      if (there.by !== other.by || there.left === true || there.awaySince !== undefined) return undefined;
      log.warn({ node, replica: other.by }, 'proxy gone: it did not come back after its control plane was gone');
      return { ...there, ready: false, held: false, awaySince: clock.now() };
    });
  };
  const hold = (other: Other): Other => {
    other.cancelTimer?.();
    const { node } = other.proxy;
    const proxy: RegisteredProxy = { ...other.proxy, state: 'held', since: clock.now() };
    return { ...other, proxy, cancelTimer: clock.after(holdDownMs, () => expire(node)) };
  };
  const isThere = (node: string, by: string, lease: Lease): void => {
    const { held, by: _, left: __, awaySince: ___, ...rest } = lease;
    const before = others.get(node);
    const state = held === true ? 'held' : 'connected';
    const since = before?.proxy.state === state ? before.proxy.since : clock.now();
    const proxy: RegisteredProxy = { ...rest, node, state, since, replica: by };
    drop(node);
    const other = { proxy, by };
    others.set(node, replicas.isAlive(by) ? other : hold(other));
    own.isBack(proxy);
    own.yield(node);
  };
  const gone = (node: string, lease: Lease): void => {
    const { spiffeId, inbound, ports, run, left, awaySince } = lease;
    drop(node);
    if (left === true) {
      if (run !== undefined) own.saidGoodbye(node, run);
    } else if (!own.yield(node)) {
      // It is here, whatever others believe.
      book.takeOver(node);
      own.rewrite(node);
    } else if (awaySince !== undefined) {
      own.wentAway({ node, spiffeId, ...defined({ inbound, ports }), since: awaySince });
    }
  };
  const told = ({ key: node, value }: TableChange): void => {
    if (!book.told(node, value)) return;
    const lease = value === undefined ? undefined : parseLease(value);
    changing(node, () => {
      if (lease === undefined) {
        drop(node);
        if (own.get(node)?.state === 'held') own.yield(node);
      } else if (lease.left === true || lease.awaySince !== undefined) gone(node, lease);
      else if (!isOwn(lease)) {
        const by = lease.by ?? '';
        // Its stream there has ended, and there is one here.
        if (lease.held === true && own.get(node)?.state === 'connected') gone(node, lease);
        else isThere(node, by, lease);
      } else {
        drop(node);
        const { by: _, held: __, ...proxy } = lease;
        if (own.get(node) === undefined) own.adopt({ ...proxy, node });
      }
    });
  };
  const refuse = ({ peer, ...candidate }: Candidate & { readonly peer: string }): void => {
    const { node, inbound } = candidate;
    const other = others.get(node);
    const refusal = other && refusalOf(candidate, other.proxy, other.proxy.state === 'connected');
    if (other === undefined || refusal === undefined) return;
    const contested = { peer, ...defined({ inbound }), at: clock.now() };
    if (telling.spend(node) === 0) log.error({ node, ...contested }, refusal.message);
    others.set(node, { ...other, proxy: { ...other.proxy, contested } });
    throw refusal;
  };
  const checkHolder = (node: string, holder: string | undefined): void => {
    own.checkHolder(node, holder);
    const known = others.get(node)?.proxy.holder;
    if (known !== undefined && known !== holder) throw notItsHost(node);
  };
  let unwatch = (): void => {};
  const unwatchReplicas = replicas.watch((by, alive) => {
    for (const other of [...others.values()].filter((one) => one.by === by)) {
      const { node } = other.proxy;
      changing(node, () => {
        if (!alive) return void others.set(node, hold(other));
        const lease = book.of(node);
        if (lease?.by === by) isThere(node, by, lease);
      });
    }
  });
  return {
    ...own,
    async restore() {
      const entries = await leases.list();
      for (const { key, value } of entries) book.told(key, value);
      await own.restore();
      for (const entry of entries) {
        const lease = parseLease(entry.value);
        if (lease !== undefined && !isOwn(lease)) told(entry);
      }
      unwatch = leases.watch(told);
    },
    admit(candidate) {
      refuse(candidate);
      if (others.get(candidate.node) === undefined) own.admit(candidate);
      else own.checkFree(candidate);
    },
    checkFree(candidate) {
      refuse(candidate);
      own.checkFree(candidate);
    },
    checkHolder,
    connected(stream, proxy) {
      const { node } = proxy;
      const other = others.get(node);
      if (other !== undefined && own.get(node)?.state !== 'connected') {
        const { replica: _, state: __, since: ___, ...rest } = other.proxy;
        own.adopt(rest);
      }
      drop(node);
      book.takeOver(node);
      own.connected(stream, proxy);
      if (book.of(node)?.by !== id && own.get(node) !== undefined) own.rewrite(node);
      book.keepOff(node);
    },
    disconnected(stream, node) {
      own.disconnected(stream, node);
      const lease = book.of(node);
      if (own.get(node)?.state !== 'held' || lease === undefined || isOwn(lease)) return;
      // It has a stream elsewhere.
      if (lease.left !== true && lease.awaySince === undefined)
        changing(node, () => isThere(node, lease.by ?? '', lease));
    },
    left(node, run, holder) {
      checkHolder(node, holder);
      const other = others.get(node)?.proxy;
      if (other === undefined || own.get(node) !== undefined) return own.left(node, run, holder);
      if (other.run !== run) return;
      changing(node, () => {
        drop(node);
        own.saidGoodbye(node, run);
      });
      log.info({ node, ...defined({ replica: other.replica }) }, 'proxy leaves: it said goodbye');
      book.change(node, (there) => (there.run === run ? { ...there, ready: false, left: true } : undefined));
    },
    evict(holder) {
      const evicted = [...own.evict(holder)];
      for (const { proxy } of [...others.values()].filter((other) => other.proxy.holder === holder)) {
        const { node } = proxy;
        changing(node, () => drop(node));
        book.change(node, (there) => (there.holder === holder ? { ...there, ready: false, left: true } : undefined));
        evicted.push(node);
      }
      return evicted;
    },
    proxies() {
      const mine = own.proxies().filter(({ node, state }) => state === 'connected' || others.get(node) === undefined);
      const nodes = new Set(mine.map(({ node }) => node));
      const rest = [...others.values()].map(({ proxy }) => proxy).filter(({ node }) => !nodes.has(node));
      return rest.length === 0 ? mine : [...mine, ...rest];
    },
    get,
    stop() {
      unwatch();
      unwatchReplicas();
    },
  };
}
