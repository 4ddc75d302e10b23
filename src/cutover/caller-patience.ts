// How long the gate waits for the proxies of a caller: a workload that rejects what it is sent, comes and goes, or starts under new names
// holds nobody else's cut-over for longer. All proxies of a caller share the time: names, node keys and tokens give it no more.
import type { Clock } from '../lib/clock.ts';
import type { ServiceKey } from '../policy/ir.ts';

export interface CallerPatience {
  /** What the gate found now. False once the caller has used up its time: it is waited for no longer. */
  look(caller: ServiceKey, behind: boolean): boolean;
}

const patienceMs = 600_000;
/** The time is given anew a day after it began. */
const anewAfterMs = 86_400_000;

interface Spent {
  readonly begunAt: number;
  ms: number;
  /** When it was behind at the last look. */
  behindAt?: number | undefined;
}

/** Forgotten with the process: nobody but an operator ends that. */
export function createCallerPatience(clock: Pick<Clock, 'monotonic'>): CallerPatience {
  const callers = new Map<ServiceKey, Spent>();
  return {
    look(caller, behind) {
      const now = clock.monotonic();
      const spent = callers.get(caller);
      if (spent === undefined || now - spent.begunAt >= anewAfterMs) {
        callers.delete(caller);
        if (behind) callers.set(caller, { begunAt: now, ms: 0, behindAt: now });
        return true;
      }
      // Between two looks that both found it behind it counts as behind: what it was meanwhile is its own word.
      if (behind && spent.behindAt !== undefined) spent.ms += now - spent.behindAt;
      spent.behindAt = behind ? now : undefined;
      return spent.ms < patienceMs;
    },
  };
}
