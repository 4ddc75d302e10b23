// Why what somebody wrote into a shared store directly waits for approval: it lets somebody do more than now, goes beyond the limits of a
// change, or cuts off callers that were seen. Whatever cannot be shown to be harmless waits.
import type { Clock } from '../lib/clock.ts';
import { stepCodes } from '../limits/reason.ts';
import type { Problem } from '../model/problem.ts';
import type { Traffic } from '../observe/traffic.ts';
import { type SimulatedCall, simulate } from '../policy/replay/simulate.ts';
import { wideningReasons } from '../policy/widening.ts';
import type { DirectReview } from '../store/judges.ts';
import type { Judged } from '../store/store.ts';

export interface LateDirectReview extends DirectReview {
  /** Until then nothing can be said. */
  attach(evidence: Evidence): void;
}

export interface Evidence {
  /** Who called. */
  readonly traffic: Pick<Traffic, 'counts'>;
  /** What is beyond the limits of a change. */
  readonly beyond: (before: Judged, after: Judged) => readonly Pick<Problem, 'code' | 'message'>[];
}

/** How far back callers count. */
const recentMs = 7 * 86_400_000;
const maxTold = 20;

export function createDirectReview(clock: Pick<Clock, 'now'>): LateDirectReview {
  const listeners = new Set<() => void>();
  let evidence: Evidence | undefined;
  return {
    attach(given) {
      evidence = given;
      for (const listener of [...listeners]) listener();
    },
    reasons(before, after) {
      if (evidence === undefined) return undefined;
      const { traffic, beyond } = evidence;
      if (before.mesh === undefined || after.mesh === undefined) {
        return { bound: ['nothing is in force yet: somebody has to say that these are the documents'], more: [] };
      }
      const tooMuch = beyond(before, after);
      const bound = [...wideningReasons(before.mesh, after.mesh), ...tooMuch.map(({ message }) => message)];
      const calls = traffic.counts(clock.now() - recentMs);
      const { newlyDenied, mayBeDenied } = simulate(before.mesh, after.mesh, calls);
      return {
        bound: limited(bound),
        more: limited([
          ...newlyDenied.map((call) => cutOff(call, 'would be cut off')),
          ...mayBeDenied.map((call) => cutOff(call, 'may be cut off (the record does not tell)')),
        ]),
        whole: tooMuch.some(({ code }) => stepCodes.some((known) => known === code)),
      };
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function cutOff({ service, port, caller, principal, peer, method, path }: SimulatedCall, what: string): string {
  const who = principal ?? `${caller}${peer === undefined ? '' : ` from ${peer}`}`;
  const call = [method, path].filter((part) => part !== undefined).join(' ');
  const place = port === undefined ? service : `${service}:${port}`;
  return `${who} ${what} from ${place}${call === '' ? '' : ` (${call})`}: seen in the last 7 days`;
}

/** Each once. */
function limited(texts: readonly string[]): readonly string[] {
  const all = [...new Set(texts)];
  return all.length <= maxTold ? all : [...all.slice(0, maxTold), `and ${all.length - maxTold} more`];
}
