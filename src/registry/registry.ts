// Live proxies. A connected sidecar that accepted all it was served is an endpoint of its service; its lease is persisted,
// and held down when the stream ends, so that neither a restart of the control plane nor a short cut of the network ever
// narrows what other proxies have.
//
//   connected ──accepted everything──► ready (endpoint) ──stream ended──► held ──hold-down over──► gone
//       ▲                                                                  │
//       └──────────────────────────────── connects again ◄─────────────────┘
//
// A run of a proxy (one life of its Envoy) that says goodbye is no endpoint from then on, nor ever again, whatever its streams do: they
// may come and go while it drains. The next run of the same proxy is one as any.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { HostPort } from './claims.ts';
import { createGoodbyes } from './goodbyes.ts';
import { type Lease, leaseJson, parseLease } from './lease.ts';

export interface RegisteredProxy {
  /** `<SPIFFE ID>~<instance>`. */
  readonly node: string;
  readonly spiffeId: SpiffeId;
  readonly inbound?: HostPort;
  /** Why it has no `inbound`, though it claims one. Of this process's time only. */
  readonly notRegistered?: string;
  readonly application?: HostPort;
  /** What it says it is: `envoy/1.40.0`. Of this process's time only. */
  readonly userAgent?: string;
  /** Its host has the loopback address of IPv6, too. */
  readonly loopback6?: true;
  /** Asks for everything over the single-type services, of this variant. Of this process's time only. */
  readonly singleServices?: 'delta' | 'sotw';
  /** Which life of its Envoy it is, if it says so. */
  readonly run?: string;
  readonly state: 'connected' | 'held';
  /** Epoch milliseconds of the last change of `state`. */
  readonly since: number;
  readonly ready: boolean;
}

export interface RegistryDeps {
  /** Leases; survives the process. */
  readonly leases: Table;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a proxy whose stream ended stays an endpoint, milliseconds. Default 30 s. */
  readonly holdDownMs?: number;
  /** Proxies of one identity. Default 2000. */
  readonly maxInstances?: number;
  /** Called after any change of what `proxies` answers; `endpoints` says whether the set of endpoints changed. */
  readonly onChange: (change: { readonly node: string; readonly endpoints: boolean }) => void;
}

export interface Registry {
  /** Reads the persisted leases; each is held until its proxy returns or the hold-down ends. Call once, first. */
  restore(): Promise<void>;
  /**
   * Throws `resource_exhausted` for one proxy too many of an identity. Each is a certificate, a lease and an endpoint that all its callers
   * are told of, and one that was broken into makes up as many as it likes.
   */
  admit(node: string, spiffeId: SpiffeId): void;
  connected(proxy: Omit<RegisteredProxy, 'state' | 'since' | 'ready'>): void;
  /** It accepted everything it was served: from now on it is an endpoint. */
  accepted(node: string): void;
  disconnected(node: string): void;
  /** That run of the proxy ends: no endpoint from now on, without a hold-down. Of another run that is known it changes nothing. */
  left(node: string, run: string): void;
  proxies(): readonly RegisteredProxy[];
  get(node: string): RegisteredProxy | undefined;
}

interface Entry {
  readonly proxy: RegisteredProxy;
  /** Open streams: one proxy may have several (single-type services, a reconnect that overlaps). */
  readonly streams: number;
  /** It said goodbye. */
  readonly leaving: boolean;
  readonly cancelExpiry?: () => void;
}

export function createRegistry({
  leases,
  clock,
  log,
  holdDownMs = 30_000,
  maxInstances = 2000,
  onChange,
}: RegistryDeps): Registry {
  const entries = new Map<string, Entry>();

  const persist = (lease: Lease & { readonly node: string }): void =>
    void leases
      .set(lease.node, leaseJson(lease))
      .catch((reason: unknown) => log.error({ node: lease.node, reason: String(reason) }, 'lease not persisted'));

  const removeLease = (node: string): void =>
    void leases
      .delete(node)
      .catch((reason: unknown) => log.error({ node, reason: String(reason) }, 'lease not removed'));

  const goodbyes = createGoodbyes(clock, (node) => {
    if (!entries.has(node)) removeLease(node);
  });

  const expire = (node: string): void => {
    const entry = entries.get(node);
    if (entry === undefined || entry.streams > 0) return;
    entries.delete(node);
    removeLease(node);
    log.info({ node }, 'proxy gone: its hold-down ended');
    onChange({ node, endpoints: isEndpoint(entry.proxy) });
  };

  const hold = (proxy: RegisteredProxy): void => {
    const held: RegisteredProxy = { ...proxy, state: 'held', since: clock.now() };
    entries.set(proxy.node, {
      proxy: held,
      streams: 0,
      leaving: false,
      cancelExpiry: clock.after(holdDownMs, () => expire(proxy.node)),
    });
  };

  return {
    async restore() {
      for (const { key, value } of await leases.list()) {
        const lease = parseLease(value);
        if (lease === undefined) {
          log.warn({ node: key }, 'unreadable lease ignored');
          continue;
        }
        const { left, ...proxy } = lease;
        if (left === true && lease.run !== undefined) goodbyes.remember(key, lease.run);
        else hold({ ...proxy, node: key, state: 'held', since: 0 });
      }
    },
    admit(node, spiffeId) {
      if (entries.has(node)) return;
      let others = 0;
      for (const { proxy } of entries.values()) if (proxy.spiffeId === spiffeId) others++;
      if (others < maxInstances) return;
      throw new CellwallError('resource_exhausted', `there are ${maxInstances} proxies of ${spiffeId} already`, {
        hint: 'a proxy keeps its instance across restarts: is one made anew each time?',
      });
    },
    connected({ node, spiffeId, inbound, notRegistered, application, loopback6, userAgent, singleServices, run }) {
      const before = entries.get(node);
      before?.cancelExpiry?.();
      const moved =
        JSON.stringify([before?.proxy.inbound, before?.proxy.application]) !== JSON.stringify([inbound, application]);
      const proxy: RegisteredProxy = {
        node,
        spiffeId,
        ...(inbound !== undefined ? { inbound } : notRegistered === undefined ? {} : { notRegistered }),
        ...(application === undefined ? {} : { application }),
        ...(userAgent === undefined ? {} : { userAgent }),
        ...(loopback6 === undefined ? {} : { loopback6 }),
        ...(singleServices === undefined ? {} : { singleServices }),
        ...(run === undefined ? {} : { run }),
        state: 'connected',
        since: before?.proxy.state === 'connected' ? before.proxy.since : clock.now(),
        // A proxy that comes back where it was is still the endpoint it was; one that moved must accept first.
        ready: before?.proxy.ready === true && !moved,
      };
      const leaving = goodbyes.has(node, run);
      entries.set(node, { proxy, streams: (before?.streams ?? 0) + 1, leaving });
      if (!leaving && (before === undefined || moved || before.proxy.run !== run)) persist(proxy);
      onChange({ node, endpoints: before !== undefined && isEndpoint(before.proxy) !== isEndpoint(proxy) });
    },
    accepted(node) {
      const entry = entries.get(node);
      if (entry === undefined || entry.proxy.ready || entry.leaving) return;
      const proxy = { ...entry.proxy, ready: true };
      entries.set(node, { ...entry, proxy });
      persist(proxy);
      onChange({ node, endpoints: isEndpoint(proxy) });
    },
    disconnected(node) {
      const entry = entries.get(node);
      if (entry === undefined) return;
      if (entry.streams > 1) {
        entries.set(node, { ...entry, streams: entry.streams - 1 });
        return;
      }
      if (entry.leaving) {
        entries.delete(node);
        log.info({ node }, 'proxy gone: it said goodbye');
      } else {
        hold(entry.proxy);
      }
      onChange({ node, endpoints: false });
    },
    left(node, run) {
      const entry = entries.get(node);
      if (entry !== undefined && entry.proxy.run !== run) return;
      goodbyes.remember(node, run);
      if (entry === undefined || entry.leaving) return;
      const endpoints = isEndpoint(entry.proxy);
      const proxy = { ...entry.proxy, ready: false };
      persist({ ...proxy, left: true });
      entry.cancelExpiry?.();
      if (entry.streams === 0) entries.delete(node);
      else entries.set(node, { proxy, streams: entry.streams, leaving: true });
      log.info({ node }, 'proxy leaves: it said goodbye');
      onChange({ node, endpoints });
    },
    proxies: () => [...entries.values()].map(({ proxy }) => proxy),
    get: (node) => entries.get(node)?.proxy,
  };
}

function isEndpoint({ ready, inbound }: RegisteredProxy): boolean {
  return ready && inbound !== undefined;
}
