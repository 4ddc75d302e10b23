// What a stream says about its proxy, as the registry accepts it: what it claims, as far as it may, and the host that its certificate
// names.
import { nodeKeyOf } from '../identity/x509/node-key-extension.ts';
import { clip } from '../lib/clip.ts';
import { defined } from '../lib/defined.ts';
import type { IpPort } from '../lib/host-port.ts';
import { type AdvertiseRule, elsewhere, mayAdvertise, parseClaims, reachable } from '../registry/claims.ts';
import type { PortPlace } from '../registry/ports.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { StreamNode, StreamPeer } from '../xds/server/node.ts';

export interface ProxyOfStream {
  readonly node: string;
  readonly spiffeId: RegisteredProxy['spiffeId'];
  readonly claims: StreamNode;
  readonly peer: StreamPeer;
  /** Where its Workload may be reached. */
  readonly rule: AdvertiseRule | undefined;
}

/** Throws `invalid_argument` for malformed claims. */
export function proxyOfStream({
  node,
  spiffeId,
  claims,
  peer,
  rule,
}: ProxyOfStream): Omit<RegisteredProxy, 'state' | 'since' | 'ready' | 'contested'> {
  const { inbound, ports, ...more } = parseClaims(claims.metadata);
  const placeOf = (claimed: IpPort | undefined): PortPlace => {
    if (claimed === undefined) return {};
    const at = reachable(claimed, peer.address);
    return mayAdvertise(at, peer.address, rule) ? { inbound: at } : { notRegistered: elsewhere(at, peer.address) };
  };
  const holder = peer.certificate === undefined ? undefined : nodeKeyOf(peer.certificate);
  const named = ports?.map(({ inbound: claimed, ...port }) => ({ ...port, ...placeOf(claimed) }));
  return {
    ...{ node, spiffeId, ...placeOf(inbound), ...more },
    ...defined({ ports: named }),
    userAgent: clip(claims.userAgent, 100),
    ...defined({ holder }),
    peer: clip(peer.address, 100),
  };
}
