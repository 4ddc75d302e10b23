// What a stream says of its proxy, as the registry takes it: what it claims, as far as it may, and the host that its certificate names.
import { nodeKeyOf } from '../identity/x509/node-key-extension.ts';
import { clip } from '../lib/clip.ts';
import { type AdvertiseRule, elsewhere, mayAdvertise, parseClaims, reachable } from '../registry/claims.ts';
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
  const { inbound: claimed, ...more } = parseClaims(claims.metadata);
  const inbound = claimed === undefined ? undefined : reachable(claimed, peer.address);
  const holder = peer.certificate === undefined ? undefined : nodeKeyOf(peer.certificate);
  const place =
    inbound === undefined
      ? {}
      : mayAdvertise(inbound, peer.address, rule)
        ? { inbound }
        : { notRegistered: elsewhere(inbound, peer.address) };
  return {
    ...{ node, spiffeId, ...place, ...more },
    userAgent: clip(claims.userAgent, 100),
    ...(holder === undefined ? {} : { holder }),
    peer: clip(peer.address, 100),
  };
}
