// How long the gate waits for the proxies of a caller: a workload that rejects what it is sent, comes and goes, or starts under new names
// cannot hold up somebody else's cut-over for longer. All proxies of a caller share the time: more names, node keys or tokens do not extend
// it.
import type { Clock } from '../lib/clock.ts';
import type { ServiceKey } from '../policy/ir.ts';

export interface CallerPatience {
  /** What the gate found now. False once the caller has used up its time: the gate no longer waits for it. */
  look(caller: ServiceKey, behind: boolean): boolean;
}

const patienceMs = 600_000;
/** The time starts again a day after it began. */
const anewAfterMs = 86_400_000;

interface Spent {
  readonly begunAt: number;
  ms: number;
  /** When it was behind at the last check. */
  behindAt?: number | undefined;
}

/** Forgotten with the process, which only an operator restarts. */
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
      // Between two checks that both found it behind it counts as behind: nothing but its own claim says otherwise.
      if (behind && spent.behindAt !== undefined) spent.ms += now - spent.behindAt;
      spent.behindAt = behind ? now : undefined;
      return spent.ms < patienceMs;
    },
  };
}
