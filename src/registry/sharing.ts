// Between the registry of this control plane's own proxies and the leases that replicas share.
import type { AwayProxy } from './away.ts';
import type { Lease, LeaseWriter } from './lease.ts';
import type { RegisteredProxy } from './registered-proxy.ts';
import type { Registry } from './registry.ts';

/** What replicas that share the leases tell this one. Nothing of it is written, nor reported to `onChange`. */
export interface OwnRegistry extends Registry {
  /** It was another replica's: held here, until its stream comes or the hold-down ends. */
  adopt(proxy: Omit<RegisteredProxy, 'state' | 'since'>): void;
  /** Another replica has it. False if it has streams here. */
  yield(node: string): boolean;
  /** Its lease is written again, although nothing changed. */
  rewrite(node: string): void;
  saidGoodbye(node: string, run: string): void;
  wentAway(proxy: AwayProxy): void;
  isBack(proxy: RegisteredProxy): void;
}

/** How an own registry shares its table. */
export interface Sharing {
  /** In place of writing without a look at others. */
  readonly writer: LeaseWriter;
  /** Whether a lease found at the start is this control plane's. */
  readonly isOwn: (lease: Lease) => boolean;
  /** Proxies that others have. */
  readonly elsewhere: { ofIdentity(spiffeId: string): number; ofHost(holder: string): number };
  /** Whether others would be heard: if not, a proxy whose stream ended here may have one there. */
  readonly hears: () => boolean;
}
