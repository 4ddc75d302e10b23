// What is told of a cause, and what the causes that were found amount to.
import type { CauseName, Side, Weight } from './cause.ts';
import type { Unseen } from './facts.ts';

export interface Finding {
  readonly cause: CauseName;
  readonly weight: Weight;
  readonly what: string;
  readonly toDo: string;
  readonly side?: Side;
  /** Of the proxy that it is about. */
  readonly node?: string;
  /** What was seen that it accounts for. */
  readonly evidence: readonly string[];
}

/**
 * `broken`: a cause is known. `failing`: only that calls failed lately, and how. `fine`: nothing was found that would break one, and one
 * got through. `unknown`: nothing was found, and not all that matters could be looked at, or no call is on record.
 */
export type DiagnosisVerdict = 'broken' | 'failing' | 'fine' | 'unknown';

export function verdictOf(findings: readonly Pick<Finding, 'weight'>[], unseen: readonly Unseen[]): DiagnosisVerdict {
  if (findings.some(({ weight }) => weight === 'breaks')) return 'broken';
  if (findings.some(({ weight }) => weight === 'seen')) return 'failing';
  return unseen.some(({ hides }) => hides) ? 'unknown' : 'fine';
}
