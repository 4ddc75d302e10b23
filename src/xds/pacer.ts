// Shares out the one event loop: what the streams of a node cost is taken off an allowance of that node, and while it is used up none
// of them is read. A flood of requests then waits in the flow control of whoever sends it, and delays nobody else.
import type { Clock } from '../lib/clock.ts';
import type { Limits } from './limits.ts';
import type { NodeKey } from './node.ts';

export interface Pacer {
  /** Takes milliseconds of work off the node's allowance; answers how long its streams are not to be read now. */
  spend(node: NodeKey, ms: number): number;
}

const maxNodes = 10_000;

export function createPacer({
  clock,
  limits: { workAtOnceMs, workShare },
}: {
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'workAtOnceMs' | 'workShare'>;
}): Pacer {
  /** Node → when its allowance will be whole again (monotonic): one value for what is left of it. */
  const wholeAt = new Map<NodeKey, number>();
  return {
    spend(node, ms) {
      const now = clock.monotonic();
      // A machine that slept in the middle of a request is not the node's doing.
      const cost = Math.min(ms, workAtOnceMs);
      const whole = Math.max(now, wholeAt.get(node) ?? now) + cost / workShare;
      wholeAt.delete(node);
      wholeAt.set(node, whole);
      // Oldest first: who was quiet for longest has its allowance back.
      const oldest = wholeAt.keys().next().value;
      if (wholeAt.size > maxNodes && oldest !== undefined) wholeAt.delete(oldest);
      return Math.max(0, whole - now - workAtOnceMs / workShare);
    },
  };
}
