// One line of the record of traffic: who called whom, with what, how it was decided, and how often.

import type { RecordedCall } from '../policy/replay/recorded-call.ts';
import type { Verdict } from '../policy/verdict.ts';

/** What the shadow policies would have decided, if that differs from the decision. */
export interface ShadowVerdict {
  readonly decision: Verdict;
  /** The rule by its name on the proxy; absent if no shadow rule allowed it. */
  readonly policy?: string;
}

export interface Call extends Omit<RecordedCall, 'count' | 'lastSeen'> {
  /** The RBAC policy that decided, if one did. */
  readonly policy?: string;
  readonly shadow?: ShadowVerdict;
  /** The token that the proxy set for the caller, by its name in the document of the service. */
  readonly credential?: string;
  /** Issuer of the caller's certificate, if the caller has an identity; not in the record. */
  readonly issuer?: string;
}

export interface TrafficCount extends Omit<Call, 'issuer'> {
  readonly count: number;
  /** Epoch milliseconds. */
  readonly lastSeen: number;
  /** The same; only of calls for which a token was set. */
  readonly firstSeen?: number;
}

/** A count and its distribution over days, as stored: `[day since the epoch, count]`, newest last. */
export interface Aggregate extends TrafficCount {
  readonly days: readonly (readonly [day: number, count: number])[];
}

/** When the first of the calls of both was seen, as far as that is kept. */
export function earliest(one: Pick<TrafficCount, 'firstSeen'>, other: Pick<TrafficCount, 'firstSeen'> | undefined) {
  const [a, b] = [one.firstSeen, other?.firstSeen];
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
