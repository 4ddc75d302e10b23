// The last refusals by their request's id, so that an operator who is told an id can ask why. Bounded, in memory only: no bodies,
// no query strings. An id may come from the caller, and need not be unique.

import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import type { Call } from './traffic.ts';

export interface Refusal {
  readonly requestId: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly service: string;
  /** The proxy that refused. */
  readonly node: string;
  readonly caller: Call['caller'];
  readonly principal?: string;
  /** The rule that refused, by its name on the proxy; absent if none allowed. */
  readonly policy?: string;
  readonly method?: string;
  /** As it came, without the query. */
  readonly path: string;
}

export interface Refusals {
  record(refusal: Omit<Refusal, 'at'>): void;
  /** Newest first. */
  find(requestId: string): readonly Refusal[];
}

export interface RefusalsOptions {
  readonly clock: Clock;
  /** Most that are kept; the oldest goes first. Default 10,000. */
  readonly max?: number;
}

const maxText = 1024;
/** A proxy cuts the id that it tells its caller to this; the log has it whole. */
const maxId = 128;

export function createRefusals({ clock, max = 10_000 }: RefusalsOptions): Refusals {
  const ring: Refusal[] = [];
  let next = 0;
  return {
    record(refusal) {
      ring[next % max] = {
        ...refusal,
        requestId: clip(refusal.requestId, maxId),
        path: clip(refusal.path, maxText),
        at: clock.now(),
      };
      next++;
    },
    find: (requestId) =>
      ring.filter((refusal) => refusal.requestId === requestId.slice(0, maxId)).toSorted((a, b) => b.at - a.at),
  };
}
