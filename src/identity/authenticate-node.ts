// Decides whether the peer of an xDS stream is the node that it claims to be. Identity comes only from the verified certificate; `node.id`
// may add an instance to it, and nothing else.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { nodeId as makeNodeId, type NodeId, readNodeId } from '../lib/node-id.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';
import { nodeKeyOf } from './x509/node-key-extension.ts';
import { serialAndDatesOf } from './x509/serial-and-dates.ts';
import { spiffeIdOf } from './x509/verify-svid.ts';

export interface NodeClaim {
  /** Leaf of the client chain that TLS verified, DER; absent without mTLS. */
  readonly certificate?: Uint8Array;
  /** `node.id`, as sent. */
  readonly nodeId: string;
}

export interface AuthenticatedNode {
  readonly node: NodeId;
  readonly spiffeId: SpiffeId;
  readonly instance: string;
  /** The host that the certificate is bound to. */
  readonly nodeKey?: string;
}

export interface AuthenticateNodeOptions {
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
}

/** A function that returns who the peer is, or throws `unauthenticated` or `permission_denied`. */
export function createNodeAuthenticator({
  trustDomain,
  clock,
}: AuthenticateNodeOptions): (claim: NodeClaim) => AuthenticatedNode {
  return ({ certificate, nodeId }) => {
    if (certificate === undefined) {
      throw new CellwallError('unauthenticated', 'no client certificate', {
        hint: 'xDS needs mTLS with an X.509-SVID of this trust domain: start Envoy with cellwall sidecar',
      });
    }
    const spiffeId = spiffeIdOf(certificate, trustDomain);
    const { notBefore, notAfter } = serialAndDatesOf(certificate);
    const now = clock.now();
    if (now < notBefore || now >= notAfter) {
      throw new CellwallError('unauthenticated', `the certificate of ${spiffeId} is not valid at this time`);
    }
    const claimed = readNodeId(nodeId);
    if (claimed?.identity !== spiffeId) {
      // The claim is hostile: it is not quoted.
      throw new CellwallError('permission_denied', `node.id is not that of ${spiffeId}`, {
        hint: 'node.id must be "<SPIFFE ID>~<instance>", the instance of a-z, 0-9 and "-", 64 at most',
      });
    }
    const nodeKey = nodeKeyOf(certificate);
    const { instance } = claimed;
    return { node: makeNodeId(spiffeId, instance), spiffeId, instance, ...defined({ nodeKey }) };
  };
}
