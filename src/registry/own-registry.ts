// The proxies of this control plane: registry.ts says what becomes of them. If replicas share the leases (shared-registry.ts), those whose
// streams are here, or were here last.
import { createBudget } from '../lib/budget.ts';
import { defined } from '../lib/defined.ts';
import { createAway } from './away.ts';
import { type Candidate, checkRoom, lifeOf, notItsHost, refusalOf } from './candidate.ts';
import { createEntries } from './entries.ts';
import { createGoodbyes } from './goodbyes.ts';
import { createLeaseWriter, type Lease, leaseJson, parseLease } from './lease.ts';
import { createNewNames } from './new-names.ts';
import { inboundsOf } from './ports.ts';
import { isEndpoint, moved, type RegisteredProxy } from './registered-proxy.ts';
import type { RegistryDeps } from './registry.ts';
import type { OwnRegistry, Sharing } from './sharing.ts';

interface Entry {
  readonly proxy: RegisteredProxy;
  /** Open streams: one proxy may have several (single-type services, a reconnect that overlaps). */
  readonly streams: ReadonlySet<number>;
  /** It said goodbye. */
  readonly leaving: boolean;
  /** Its lease is still another replica's. */
  readonly adopted?: true;
  /** Timer for its expiry while it is held, or until it may be an endpoint again. */
  readonly cancelTimer?: () => void;
}

/** Becoming an endpoint is a push to all callers: whoever does it repeatedly must wait. Leaving never waits. */
const appearances = { burst: 10, everyMs: 10_000 };
const tellings = { burst: 1, everyMs: 60_000 };
/** While others are not heard. */
const againMs = 5000;

/** Knows no lease before `restore`. Writing leases is never waited for. */
export function createOwnRegistry({
  leases,
  clock,
  log,
  holdDownMs = 30_000,
  maxInstances = 2000,
  maxOfHost = 8,
  onChange,
  sharing,
}: RegistryDeps & { readonly sharing?: Sharing }): OwnRegistry {
  const entries = createEntries<Entry>();
  const appearing = createBudget({ clock, ...appearances });
  const naming = createNewNames(clock);
  const telling = createBudget({ clock, ...tellings });

  const writer = sharing?.writer ?? createLeaseWriter(leases, log);
  const persist = (lease: Lease & { readonly node: string }): void => writer.save(lease.node, lease);

  const goodbyes = createGoodbyes(clock, (node) => {
    if (!entries.has(node)) writer.remove(node);
  });
  const away = createAway(clock.now, (node) => {
    if (!entries.has(node)) writer.remove(node);
  });

  const expire = (node: string): void => {
    const entry = entries.get(node);
    if (entry === undefined || entry.streams.size > 0) return;
    if (sharing?.hears() === false) {
      const cancelTimer = clock.after(againMs, () => expire(node));
      return void entries.set(node, { ...entry, cancelTimer });
    }
    entries.delete(node);
    const { spiffeId, inbound, ports, since } = entry.proxy;
    away.add({ node, spiffeId, ...defined({ inbound }), ...(ports && { ports }), since });
    persist({ ...entry.proxy, ready: false, awaySince: since });
    log.warn({ node }, 'proxy gone: it disappeared without a goodbye, and did not come back');
    onChange({ node, endpoints: isEndpoint(entry.proxy) });
  };

  const hold = (proxy: RegisteredProxy): void => {
    const held: RegisteredProxy = { ...proxy, state: 'held', since: clock.now() };
    entries.set(proxy.node, {
      proxy: held,
      streams: new Set(),
      leaving: false,
      cancelTimer: clock.after(holdDownMs, () => expire(proxy.node)),
    });
  };

  const checkFree = ({ peer, ...candidate }: Candidate & { readonly peer: string }): void => {
    const { node, inbound } = candidate;
    const entry = entries.get(node);
    const refusal = entry && refusalOf(candidate, entry.proxy, entry.streams.size > 0 && !entry.leaving);
    if (entry === undefined || refusal === undefined) return;
    const contested = { peer, ...defined({ inbound }), at: clock.now() };
    // Envoy tries again every second.
    if (telling.spend(node) === 0) log.error({ node, ...contested }, refusal.message);
    entries.set(node, { ...entry, proxy: { ...entry.proxy, contested } });
    throw refusal;
  };

  const checkHolder = (node: string, holder: string | undefined): void => {
    const known = entries.get(node)?.proxy.holder;
    if (known !== undefined && known !== holder) throw notItsHost(node);
  };

  const { elsewhere } = sharing ?? {};
  const counts = {
    ofIdentity: (id: string) => entries.ofIdentity(id) + (elsewhere?.ofIdentity(id) ?? 0),
    ofHost: (holder: string) => entries.ofHost(holder) + (elsewhere?.ofHost(holder) ?? 0),
  };

  const accepted = (node: string): void => {
    const entry = entries.get(node);
    if (entry === undefined || entry.proxy.ready || entry.leaving || entry.streams.size === 0) return;
    const wait = inboundsOf(entry.proxy).length === 0 ? 0 : appearing.spend(entry.proxy.holder ?? node);
    if (wait > 0) {
      log.warn({ node, waitMs: wait }, 'comes and goes too often: it becomes an endpoint a little later');
      entry.cancelTimer?.();
      const cancelTimer = clock.after(wait, () => accepted(node));
      entries.set(node, { ...entry, cancelTimer });
      return;
    }
    const proxy = { ...entry.proxy, ready: true };
    entries.set(node, { ...entry, proxy });
    persist(proxy);
    onChange({ node, endpoints: isEndpoint(proxy) });
  };

  return {
    async restore() {
      for (const { key, value } of await leases.list()) {
        const lease = parseLease(value);
        if (lease === undefined) {
          log.warn({ node: key }, 'unreadable lease ignored');
          continue;
        }
        if (sharing?.isOwn(lease) === false) continue;
        const { left, awaySince, by: _, held: __, ...proxy } = lease;
        if (left === true && lease.run !== undefined) goodbyes.remember(key, lease.run);
        else if (awaySince !== undefined) away.add({ ...proxy, node: key, since: awaySince });
        else hold({ ...proxy, node: key, state: 'held', since: 0 });
      }
    },
    admit(candidate) {
      checkFree(candidate);
      if (!entries.has(candidate.node)) checkRoom(candidate, counts, { maxInstances, maxOfHost }, naming);
    },
    checkFree,
    checkHolder,
    connected(stream, { node, spiffeId, ...more }) {
      const { inbound, notRegistered, application, ...rest } = more;
      const before = entries.get(node);
      before?.cancelTimer?.();
      const proxy: RegisteredProxy = {
        node,
        spiffeId,
        ...(inbound !== undefined ? { inbound } : notRegistered === undefined ? {} : { notRegistered }),
        ...defined({ application }),
        ...rest,
        ...(before?.proxy.contested === undefined ? {} : { contested: before.proxy.contested }),
        state: 'connected',
        since: before?.proxy.state === 'connected' ? before.proxy.since : clock.now(),
        // A proxy that comes back at the same address is still the endpoint it was; one that moved must accept first.
        ready: before?.proxy.ready === true && !moved(before.proxy, more),
      };
      const leaving = goodbyes.has(node, proxy.run);
      // Streams of a run that said goodbye do not belong to this one.
      const streams = before !== undefined && lifeOf(before.proxy) === lifeOf(proxy) ? before.streams : [];
      entries.set(node, { proxy, streams: new Set(streams).add(stream), leaving });
      if (!leaving) away.replacedBy(proxy);
      const known =
        before !== undefined &&
        before.adopted !== true &&
        (sharing === undefined || before.proxy.state === 'connected') &&
        JSON.stringify(leaseJson(before.proxy)) === JSON.stringify(leaseJson(proxy));
      if (!leaving && !known) persist(proxy);
      onChange({ node, endpoints: before !== undefined && isEndpoint(before.proxy) !== isEndpoint(proxy) });
    },
    accepted,
    disconnected(stream, node) {
      const entry = entries.get(node);
      if (entry === undefined || !entry.streams.has(stream)) return;
      const streams = new Set([...entry.streams].filter((other) => other !== stream));
      if (streams.size > 0) return void entries.set(node, { ...entry, streams });
      entry.cancelTimer?.();
      if (entry.leaving) {
        entries.delete(node);
        log.info({ node }, 'proxy gone: it said goodbye');
      } else {
        hold(entry.proxy);
        // Others show it as what it is.
        if (sharing !== undefined) persist({ ...entry.proxy, held: true });
      }
      onChange({ node, endpoints: false });
    },
    left(node, run, holder) {
      checkHolder(node, holder);
      const entry = entries.get(node);
      if (entry !== undefined && entry.proxy.run !== run) return;
      goodbyes.remember(node, run);
      if (entry === undefined || entry.leaving) return;
      const endpoints = isEndpoint(entry.proxy);
      const proxy = { ...entry.proxy, ready: false };
      persist({ ...proxy, left: true });
      entry.cancelTimer?.();
      if (entry.streams.size === 0) entries.delete(node);
      else entries.set(node, { proxy, streams: entry.streams, leaving: true });
      log.info({ node }, 'proxy leaves: it said goodbye');
      onChange({ node, endpoints });
    },
    evict(holder) {
      const own = [...entries.values()].filter(({ proxy }) => proxy.holder === holder);
      for (const { proxy, cancelTimer } of own) {
        cancelTimer?.();
        entries.delete(proxy.node);
        naming.had(proxy.node, holder);
        writer.remove(proxy.node);
        onChange({ node: proxy.node, endpoints: isEndpoint(proxy) });
      }
      return own.map(({ proxy }) => proxy.node);
    },
    adopt(proxy) {
      hold({ ...proxy, state: 'held', since: 0 });
      const entry = entries.get(proxy.node);
      if (entry !== undefined) entries.set(proxy.node, { ...entry, adopted: true });
    },
    yield(node) {
      const entry = entries.get(node);
      if (entry !== undefined && entry.streams.size > 0) return false;
      entry?.cancelTimer?.();
      entries.delete(node);
      return true;
    },
    rewrite(node) {
      const entry = entries.get(node);
      if (entry !== undefined && !entry.leaving) persist(entry.proxy);
    },
    saidGoodbye(node, run) {
      goodbyes.remember(node, run);
      const entry = entries.get(node);
      if (entry === undefined || entry.leaving || entry.proxy.run !== run) return;
      entry.cancelTimer?.();
      if (entry.streams.size === 0) entries.delete(node);
      else entries.set(node, { proxy: { ...entry.proxy, ready: false }, streams: entry.streams, leaving: true });
    },
    wentAway: away.add,
    isBack: away.replacedBy,
    away: away.list,
    proxies: () => [...entries.values()].map(({ proxy }) => proxy),
    get: (node) => entries.get(node)?.proxy,
  };
}
