// Proxies that disappeared without a goodbye: known before, missed now. `status` shows them until they are back, until another one serves
// in their place, or until a week is over. Bounded, because whoever has an identity can invent instances.

import type { IpPort } from '../lib/host-port.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { ClaimedPort } from './claims.ts';
import { inboundsOf } from './ports.ts';

export interface AwayProxy {
  /** `<SPIFFE ID>~<instance>`. */
  readonly node: string;
  readonly spiffeId: SpiffeId;
  readonly inbound?: IpPort;
  readonly ports?: readonly ClaimedPort[];
  /** Epoch milliseconds. */
  readonly since: number;
}

export interface Away {
  add(proxy: AwayProxy): void;
  /** It is back, or another one serves in its place. */
  replacedBy(proxy: Pick<AwayProxy, 'node' | 'spiffeId' | 'inbound' | 'ports'>): void;
  forget(node: string): void;
  list(): readonly AwayProxy[];
}

const keepMs = 7 * 86_400_000;
const maxOfIdentity = 50;
const maxAll = 5000;

/** `onForgotten`: it is not missed any more. */
export function createAway(now: () => number, onForgotten: (node: string) => void): Away {
  /** The oldest first. */
  const proxies = new Map<string, AwayProxy>();
  const forget = (node: string): void => {
    if (proxies.delete(node)) onForgotten(node);
  };
  return {
    add(proxy) {
      proxies.delete(proxy.node);
      proxies.set(proxy.node, proxy);
      const own = [...proxies.values()].filter(({ spiffeId }) => spiffeId === proxy.spiffeId);
      const [oldest] = own.length > maxOfIdentity ? own : proxies.size > maxAll ? proxies.values() : [];
      if (oldest !== undefined) forget(oldest.node);
    },
    replacedBy(proxy) {
      forget(proxy.node);
      const taken = inboundsOf(proxy);
      for (const other of proxies.values()) {
        const there = inboundsOf(other).some(({ address, port }) =>
          taken.some((one) => one.address === address && one.port === port),
        );
        if (other.spiffeId === proxy.spiffeId && there) forget(other.node);
      }
    },
    forget,
    list() {
      for (const { node, since } of proxies.values()) if (since < now() - keepMs) forget(node);
      return [...proxies.values()];
    },
  };
}
