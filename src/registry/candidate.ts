// Who may be a proxy under a name (`<SPIFFE ID>~<instance>`). A name belongs to the host that has it: the node key that its certificate is
// bound to; and, because a folder may be copied with its key, to one run of Envoy at a time. Pure.

import { CellwallError } from '../lib/errors.ts';
import type { IpPort } from '../lib/host-port.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { ApplicationAddress, ClaimedPort } from './claims.ts';
import type { NewNames } from './new-names.ts';
import { inboundsOf } from './ports.ts';
import type { RegisteredProxy } from './registered-proxy.ts';

/** One that wants to be the proxy of that name. */
export interface Candidate {
  readonly node: string;
  /** The node key of its verified certificate; an SVID of an earlier version has none. */
  readonly holder?: string;
  readonly run?: string;
  /** As claimed: for one that reports no run, what distinguishes it from another. */
  readonly inbound?: IpPort;
  readonly application?: ApplicationAddress;
  readonly ports?: readonly ClaimedPort[];
}

/** Why it may not. `connected`: the other one has an open stream, and has not said goodbye. */
export function refusalOf(candidate: Candidate, other: RegisteredProxy, connected: boolean): CellwallError | undefined {
  const { node, holder } = candidate;
  // One that was registered by an earlier version has no host yet: the first that presents one becomes it, unless it is connected.
  if (holder !== other.holder && (other.holder !== undefined || connected)) {
    return new CellwallError('permission_denied', `${node} is another host's proxy${whereOf(other)}`, {
      hint: 'give this one an --instance of its own; if that host is gone for good, wait for half a minute, or: cellwall node evict',
    });
  }
  if (!connected || lifeOf(candidate) === lifeOf(other)) return undefined;
  return new CellwallError('already_exists', `another proxy runs as ${node}${whereOf(other)}`, {
    hint: 'is the data folder of one a copy? give this one a --data folder and an --instance of its own',
  });
}

/** `permission_denied`. */
export function notItsHost(node: string): CellwallError {
  return new CellwallError('permission_denied', `${node} is another host's proxy`, {
    hint: 'a proxy speaks for itself only',
  });
}

/** Tells runs apart: by the run that is reported or, without one, by where it is. */
export function lifeOf({ run, inbound, application, ports }: Candidate): string {
  return (
    run ?? JSON.stringify([inbound, application, ports?.map((port) => [port.name, port.inbound, port.application])])
  );
}

function whereOf(proxy: RegisteredProxy): string {
  const { peer } = proxy;
  const [inbound] = inboundsOf(proxy);
  const at = inbound === undefined ? '' : `, which listens at ${formatHostPort(inbound)}`;
  return peer === undefined ? at : `${at}, connected from ${peer}`;
}

const hint = 'a proxy keeps its instance across restarts: is one made anew each time?';

/** Throws for one proxy too many of an identity, or of a host, and for a host that keeps taking new names. */
export function checkRoom(
  { node, spiffeId, holder }: Candidate & { readonly spiffeId: SpiffeId },
  known: { ofIdentity(spiffeId: string): number; ofHost(holder: string): number },
  { maxInstances, maxOfHost }: { readonly maxInstances: number; readonly maxOfHost: number },
  naming: Pick<NewNames, 'spend'>,
): void {
  const others = known.ofIdentity(spiffeId);
  if (others >= maxInstances) {
    throw new CellwallError('resource_exhausted', `there are ${others} proxies of ${spiffeId} already`, { hint });
  }
  if (holder === undefined) return;
  if (known.ofHost(holder) >= maxOfHost || naming.spend(node, holder) > 0) {
    throw new CellwallError('resource_exhausted', `too many proxies of one host, as ${spiffeId}`, { hint });
  }
}
