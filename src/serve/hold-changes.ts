// What may not come into force without a second word, through whichever door: an apply is asked for its confirmation, an edit waits.
import type { ChangeLimits } from '../admin/deps.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { limitsOf } from '../limits/limits.ts';
import { createLimitsHolding } from '../limits/limits-holding.ts';
import { createRecentStates, type RecentStates } from '../limits/recent-states.ts';
import type { Problem } from '../model/problem.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Holding } from '../store/judges.ts';
import type { Judged, Store } from '../store/store.ts';
import type { ServeOptions } from './serve-options.ts';

export interface HoldChangesDeps {
  readonly metrics: Pick<Metrics, 'changeHeld'>;
  /** Asked for what is within the limits. */
  readonly editGate: Holding;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Log;
}

/** Throws `invalid_argument` for limits that there are not. */
export function holdChanges(
  { limits: given }: Pick<ServeOptions, 'limits'>,
  { metrics, editGate, clock, log }: HoldChangesDeps,
): {
  readonly limits: (store: Pick<Store, 'lastGood'>) => ChangeLimits;
  readonly holding: Holding;
  readonly recent: RecentStates;
} {
  const recent = createRecentStates({ limits: limitsOf(given), clock });
  const held = (reasons: readonly Pick<Problem, 'code'>[]): void => {
    for (const code of new Set(reasons.map(({ code }) => code))) metrics.changeHeld(code);
  };
  return {
    limits: ({ lastGood }) => ({
      beyond: (before, after) => [...crashLoop(lastGood, before, after), ...recent.beyond(before, after)],
      held,
    }),
    holding: oneAfterAnother([createLimitsHolding({ recent, log, onHeld: held }), editGate]),
    recent,
  };
}

/** Documents under which the process died again and again. */
function crashLoop(lastGood: Store['lastGood'], before: Judged, after: Judged): readonly Problem[] {
  const keys = lastGood?.refused(before.documents, after.documents) ?? [];
  const [first] = keys;
  if (first === undefined) return [];
  const found = after.documents.find(({ key }) => key === first);
  const message = `the control plane died again and again under ${keys.length === 1 ? first : `${first} and ${keys.length - 1} more`}`;
  const source = found?.begins ?? { file: first, line: 1, column: 1 };
  return [{ severity: 'error', code: 'crash-loop', message, hint: 'change it, or find out why first', source }];
}

/** The first that holds something decides; the others are asked once it does not any more. */
function oneAfterAnother(holdings: readonly Holding[]): Holding {
  return {
    hold(before, after, judge) {
      for (const holding of holdings) {
        const hold = holding.hold(before, after, judge);
        if (hold === undefined) continue;
        for (const other of holdings) if (other !== holding) other.release();
        return hold;
      }
      return undefined;
    },
    approvable: (code) => holdings.some((holding) => holding.approvable?.(code) === true),
    release() {
      for (const holding of holdings) holding.release();
    },
    watch(listener) {
      const ends = holdings.map((holding) => holding.watch(listener));
      return () => {
        for (const end of ends) end();
      };
    },
  };
}
