// What was seen within a time, of whatever somebody else may send: bounded, those that were seen last are remembered.
import type { Clock } from './clock.ts';

export interface SeenLately {
  has(key: string): boolean;
  add(key: string): void;
}

export interface SeenLatelyOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** For how long it counts, milliseconds. */
  readonly forMs: number;
  /** At the same time. */
  readonly most: number;
}

export function createSeenLately({ clock, forMs, most }: SeenLatelyOptions): SeenLately {
  const seen = new Map<string, number>();
  return {
    has(key) {
      const at = seen.get(key);
      return at !== undefined && clock.monotonic() - at < forMs;
    },
    add(key) {
      seen.delete(key);
      seen.set(key, clock.monotonic());
      const oldest = seen.keys().next().value;
      if (seen.size > most && oldest !== undefined) seen.delete(oldest);
    },
  };
}
