// The identity API's side of a question between replicas of one control plane: does this one hear the store that they share? They ask each
// other when they cannot meet there. Only the control plane's own identity may ask.
import type { IncomingMessage } from 'node:http';
import { CellwallError } from '../lib/errors.ts';
import type { Peer } from './identity-of.ts';
import { readBody, textOf } from './read-body.ts';
import { isServerUri } from './server-uri.ts';

export interface HearsQuestion {
  /** Which replica is meant: another one may have its address now. */
  readonly replica: string;
  readonly forMs: number;
}

/** Whether it is that replica, and has heard the store without a break for so long. */
export type HearsReceiver = (question: HearsQuestion) => boolean;

/** Accepted: yes. Refused as `unavailable`: no. */
export function createReceiveHears(
  receiver: HearsReceiver | undefined,
): (request: IncomingMessage, peer: Peer) => Promise<void> {
  return async (request, { spiffeId }) => {
    // Verified: it is of this trust domain.
    if (!isServerUri(spiffeId)) {
      throw new CellwallError('permission_denied', 'only another control plane may ask that');
    }
    if (receiver === undefined)
      throw new CellwallError('unimplemented', 'this control plane shares its store with none');
    const body = await readBody(request);
    const { forMs } = body;
    if (typeof forMs !== 'number') throw new CellwallError('invalid_argument', '"forMs" must be a number');
    if (receiver({ replica: textOf(body, 'replica'), forMs })) return;
    throw new CellwallError('unavailable', 'it does not hear the store');
  };
}
