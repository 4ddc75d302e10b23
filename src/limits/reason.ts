// A reason why a change needs a second word.
import type { Problem } from '../model/problem.ts';

/** What confirms them. */
export const limitCodes = ['limit', 'growth', 'mass-deletion', 'selector-emptied'] as const;
export type LimitCode = (typeof limitCodes)[number];

/** Of these, the ones about how much changes in a short time. */
export const stepCodes = ['growth', 'mass-deletion'] as const satisfies readonly LimitCode[];

export interface Beyond extends Problem {
  readonly code: LimitCode;
}
