// How far each proxy's host clock differs from this one's, by its helper's reports: certificates have validity dates, and a host whose
// clock is far off refuses those of others, or has its own refused.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';

export interface ClockOffsets {
  /** `at`: the host's time, as just reported. */
  told(node: string, at: number): void;
  /** Milliseconds; positive where its clock is ahead. */
  of(node: string): number | undefined;
  /** Milliseconds by which the slowest host clock is behind; 0 if none is. */
  behind(): number;
  forget(node: string): void;
}

/**
 * Certificates are backdated by ten minutes, and further for hosts that are known to be behind: nothing fails, but somebody should know.
 */
const worthSayingMs = 30_000;

/** Logs when a clock begins to be noticeably off. */
export function createClockOffsets({ clock, log }: { readonly clock: Clock; readonly log: Log }): ClockOffsets {
  const offsets = new Map<string, number>();
  return {
    told(node, at) {
      const offset = Math.round(at - clock.now());
      const before = offsets.get(node) ?? 0;
      offsets.set(node, offset);
      if (Math.abs(offset) < worthSayingMs || Math.abs(before) >= worthSayingMs) return;
      log.warn(
        { node, offsetSeconds: Math.round(offset / 1000) },
        "the clock of a proxy's host is off: is its time synchronized?",
      );
    },
    of: (node) => offsets.get(node),
    behind: () => [...offsets.values()].reduce((most, offset) => Math.max(most, -offset), 0),
    forget: (node) => void offsets.delete(node),
  };
}
