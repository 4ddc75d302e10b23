// Streams that were opened and have not yet said whose they are, by the certificate of their connection: a limited number.
import { CellwallError } from '../../lib/errors.ts';
import { holderOf } from './holder.ts';
import type { StreamPeer } from './node.ts';

/** Counts one; returns a function that removes it again. Throws `resource_exhausted`. */
export type SilentStreams = (peer: StreamPeer) => () => void;

/**
 * Counting throws `resource_exhausted` beyond `most` for one certificate or address; the function that it returns must
 * be called once.
 */
export function createSilentStreams(most: number): SilentStreams {
  const counts = new Map<string, number>();
  return (peer) => {
    const who = holderOf(peer);
    const count = counts.get(who) ?? 0;
    if (count >= most) {
      throw new CellwallError('resource_exhausted', `more than ${most} streams without a request`, {
        hint: 'send the first request at once',
      });
    }
    counts.set(who, count + 1);
    return () => {
      const left = (counts.get(who) ?? 1) - 1;
      if (left > 0) counts.set(who, left);
      else counts.delete(who);
    };
  };
}
