// Live proxies. A connected sidecar that accepted everything it was served is an endpoint of its service; its lease is persisted, and held
// down when the stream ends, so that neither a restart of the control plane nor a short network failure ever reduces what other proxies
// have.
//
//   connected ──accepted everything──► ready (endpoint) ──stream ended──► held ──hold-down over──► gone
//       ▲                                                                  │
//       └──────────────────────────────── connects again ◄─────────────────┘
//
// A run of a proxy (one run of its Envoy) that says goodbye is not an endpoint from then on, whatever its streams do: they may come and go
// while it drains. The next run of the same proxy is an endpoint like any other.
//
// A name belongs to one host, and to one run of its Envoy (candidate.ts): anybody else who uses it is refused, and reported with the one
// who has it.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { AwayProxy } from './away.ts';
import type { Candidate } from './candidate.ts';
import type { RegisteredProxy, RegistryChange } from './registered-proxy.ts';

export interface RegistryDeps {
  /** Leases; survives the process. */
  readonly leases: Table;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a proxy whose stream ended stays an endpoint, milliseconds. Default 30 s. */
  readonly holdDownMs?: number;
  /** Proxies of one identity. Default 2000. */
  readonly maxInstances?: number;
  /** Of one host. Default 8. */
  readonly maxOfHost?: number;
  /** Called after any change of what `proxies` returns. */
  readonly onChange: (change: RegistryChange) => void;
}

export interface Registry {
  /** Reads the persisted leases; each is held until its proxy returns or the hold-down ends. Call once, first. */
  restore(): Promise<void>;
  /**
   * Throws for a name that belongs to another, and `resource_exhausted` for one proxy too many of an identity or a host. Each is a
   * certificate, a lease and an endpoint that all its callers learn of, and a compromised workload can invent as many as it likes.
   */
  admit(candidate: Candidate & { readonly spiffeId: SpiffeId; readonly peer: string }): void;
  /** Throws for a name that belongs to another, which is then reported for that one. `peer`: where the candidate is. */
  checkFree(candidate: Candidate & { readonly peer: string }): void;
  /** Throws `permission_denied` if the name belongs to another host. */
  checkHolder(node: string, holder: string | undefined): void;
  connected(stream: number, proxy: Omit<RegisteredProxy, 'state' | 'since' | 'ready' | 'contested'>): void;
  /** It accepted everything it was served: it becomes an endpoint now, or a little later if it did so too often recently. */
  accepted(node: string): void;
  disconnected(stream: number, node: string): void;
  /**
   * That run of the proxy ends: not an endpoint from now on, without hold-down. Does not affect another run that is known. Throws if the
   * name belongs to another host.
   */
  left(node: string, run: string, holder?: string): void;
  /** Removes every proxy of that host from the endpoints, without hold-down. Returns them. */
  evict(holder: string): readonly string[];
  proxies(): readonly RegisteredProxy[];
  /** Proxies that disappeared without a goodbye. */
  away(): readonly AwayProxy[];
  get(node: string): RegisteredProxy | undefined;
}
