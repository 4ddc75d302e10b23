// Proxies by node, and how many there are of each identity and of each host: a proxy that connects is counted without a look at all others.
import type { RegisteredProxy } from './registered-proxy.ts';

export interface Entries<T extends { readonly proxy: RegisteredProxy }>
  extends Pick<Map<string, T>, 'get' | 'has' | 'values'> {
  set(node: string, entry: T): void;
  delete(node: string): void;
  /** How many proxies have that SPIFFE ID. */
  ofIdentity(spiffeId: string): number;
  /** How many proxies the host of that node key has. */
  ofHost(holder: string): number;
}

export function createEntries<T extends { readonly proxy: RegisteredProxy }>(): Entries<T> {
  const entries = new Map<string, T>();
  const identities = new Map<string, number>();
  const hosts = new Map<string, number>();
  const count = (counts: Map<string, number>, key: string | undefined, by: 1 | -1): void => {
    if (key === undefined) return;
    const now = (counts.get(key) ?? 0) + by;
    if (now === 0) counts.delete(key);
    else counts.set(key, now);
  };
  const countProxy = (entry: T | undefined, by: 1 | -1): void => {
    if (entry === undefined) return;
    count(identities, entry.proxy.spiffeId, by);
    count(hosts, entry.proxy.holder, by);
  };
  return {
    get: (node) => entries.get(node),
    has: (node) => entries.has(node),
    values: () => entries.values(),
    set(node, entry) {
      countProxy(entries.get(node), -1);
      countProxy(entry, 1);
      entries.set(node, entry);
    },
    delete(node) {
      countProxy(entries.get(node), -1);
      entries.delete(node);
    },
    ofIdentity: (spiffeId) => identities.get(spiffeId) ?? 0,
    ofHost: (holder) => hosts.get(holder) ?? 0,
  };
}
