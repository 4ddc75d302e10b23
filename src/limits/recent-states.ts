// What was in force some minutes ago: with it a change is compared as well, so that whoever deletes document after document, or enlarges a
// mesh step by step, is asked as if all of it came at once. Whatever was let in beyond the limits starts the count anew: somebody said so.
import type { Clock } from '../lib/clock.ts';
import type { Judged } from '../store/store.ts';
import { beyondLimits } from './beyond.ts';
import type { Limits } from './limits.ts';
import type { Beyond } from './reason.ts';
import { tooMuchInStep } from './too-much-in-step.ts';

export interface RecentStates {
  /** It is in force from now on; `agoMs`: it has been for so long. */
  note(state: Judged, agoMs?: number): void;
  /** What was in force at the begin of the window, as far as it is known. */
  since(): Judged | undefined;
  /** `beyondLimits`, and those together with the changes since then. Another `since` than its own may be given. */
  beyond(before: Judged, after: Judged, since?: Judged): readonly Beyond[];
  /** Whether the changes since then are among these reasons. */
  counts(before: Judged, after: Judged, since: Judged | undefined): boolean;
}

export interface RecentStatesDeps {
  readonly limits: Limits;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds. Default 10 min. */
  readonly windowMs?: number;
}

/** So many parts of the window are told apart: what is kept of it is limited, however often something changes. */
const parts = 20;

export function createRecentStates({ limits, clock, windowMs = 600_000 }: RecentStatesDeps): RecentStates {
  /** The oldest first: the first is what was in force when the window began. */
  let states: readonly { readonly at: number; readonly state: Judged }[] = [];
  const when = `within ${windowMs / 60_000} minutes`;
  const prune = (): void => {
    const begin = clock.monotonic() - windowMs;
    const first = states.findLastIndex(({ at }) => at <= begin);
    if (first > 0) states = states.slice(first);
  };
  const inSteps = (since: Judged | undefined, before: Judged, after: Judged): readonly Beyond[] =>
    since === undefined ? [] : tooMuchInStep({ since, before, after, when }, limits);
  return {
    note(state, agoMs = 0) {
      prune();
      const at = clock.monotonic() - agoMs;
      const before = states.at(-1)?.state;
      if (before !== undefined && inSteps(states[0]?.state, before, state).length > 0) states = [];
      // Between two that are this close, what is in force afterwards counts from the first.
      const earlier = states.at(-2);
      if (earlier !== undefined && at - earlier.at < windowMs / parts) states = states.slice(0, -1);
      states = [...states, { at, state }];
    },
    since() {
      prune();
      return states[0]?.state;
    },
    counts: (before, after, since) => inSteps(since, before, after).length > 0,
    beyond(before, after, since) {
      prune();
      const found = beyondLimits(before, after, limits);
      const together = inSteps(since ?? states[0]?.state, before, after);
      return [...found, ...together.filter(({ code }) => !found.some((known) => known.code === code))];
    },
  };
}
