// The identity API's side of a goodbye, and of a hello: the verified certificate says who sends it; the body adds which instance.
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { nodeId } from '../lib/node-id.ts';
import { createFailureLimiter } from './failure-limiter.ts';
import type { Peer } from './identity-of.ts';
import { readLeaveRequest } from './leave-request.ts';
import { readBody } from './read-body.ts';

/** `node`: `<SPIFFE ID>~<instance>`. `nodeKey`: of the sending host, by its SVID. `address`: where it sends from. */
export type LeaveReceiver = (node: string, run: string, nodeKey: string | undefined, address: string) => void;

export interface ReceiveLeaveDeps {
  readonly clock: Clock;
  readonly receiver: LeaveReceiver | undefined;
}

/** Accepts one goodbye, or hello. Throws the error that the sender gets. */
export function createReceiveLeave({
  clock,
  receiver,
}: ReceiveLeaveDeps): (request: IncomingMessage, peer: Peer) => Promise<void> {
  // Each that counts is a push to all callers: a proxy that comes and goes endlessly is slowed down.
  const limiter = createFailureLimiter({ clock });
  return async (request, { spiffeId, nodeKey, address }) => {
    if (receiver === undefined) throw new CellwallError('unimplemented', 'nobody takes this here');
    const { instance, run } = readLeaveRequest(await readBody(request));
    const node = nodeId(spiffeId, instance);
    const who = `${node} ${nodeKey ?? ''}`;
    limiter.check(who);
    limiter.fail(who);
    receiver(node, run, nodeKey, address);
  };
}
