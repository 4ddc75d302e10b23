// The identity API's side of a goodbye: who leaves is what its verified certificate says; the body adds which instance.
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import { createFailureLimiter } from './failure-limiter.ts';
import { readLeaveRequest } from './leave-request.ts';
import { readBody } from './read-body.ts';

/** `node`: `<SPIFFE ID>~<instance>`. */
export type LeaveReceiver = (node: string, run: string) => void;

export interface ReceiveLeaveDeps {
  readonly clock: Clock;
  readonly receiver: LeaveReceiver | undefined;
}

/** Takes one goodbye. Throws what the one who says it is told. */
export function createReceiveLeave({
  clock,
  receiver,
}: ReceiveLeaveDeps): (request: IncomingMessage, spiffeId: SpiffeId) => Promise<void> {
  // Each that counts is a push to all callers: a proxy that comes and goes without end is slowed down.
  const limiter = createFailureLimiter({ clock });
  return async (request, spiffeId) => {
    if (receiver === undefined) throw new CellwallError('unimplemented', 'goodbyes are not taken here');
    const { instance, run } = readLeaveRequest(await readBody(request));
    const node = `${spiffeId}~${instance}`;
    limiter.check(node);
    limiter.fail(node);
    receiver(node, run);
  };
}
