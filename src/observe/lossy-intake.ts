// Takes what proxies report that may be lost, because nothing is decided by it: a small share of time for each identity, and what is
// more is thrown away unread. It is taken off the proxy's hands all the same: an Envoy that is held back drops entries of its other
// logs with these, in one count. Only who sends as fast as no sidecar does is read more slowly.
import type { Clock } from '../lib/clock.ts';
import { createPacer } from '../lib/pacer.ts';
import { createIntake, type IntakeJob, type IntakeLimits } from './intake.ts';

export interface LossyIntake {
  add(who: string, job: LossyJob): void;
}

export interface LossyJob extends Pick<IntakeJob, 'bytes' | 'work'> {
  /** It may send no more for now, and again. */
  readonly pause: () => void;
  readonly resume: () => void;
}

export interface LossyLimits extends IntakeLimits {
  /** Of one identity, of what is read or thrown away. */
  readonly bytesPerMs: number;
}

const lossyLimits: LossyLimits = {
  waitingBytes: 1024 * 1024,
  turnMs: 3,
  workAtOnceMs: 250,
  workShare: 0.05,
  bytesPerMs: 8 * 1024,
};

export function createLossyIntake(
  clock: Pick<Clock, 'monotonic' | 'after'>,
  limits: LossyLimits = lossyLimits,
): LossyIntake {
  const intake = createIntake(clock, limits);
  const line = createPacer({ clock, limits: { workAtOnceMs: 1000, workShare: 1 } });
  return {
    add(who, { bytes, work, pause, resume }) {
      intake.add(who, { bytes, work, done: () => undefined });
      const restMs = line.spend(who, bytes / limits.bytesPerMs);
      if (restMs === 0) return;
      pause();
      clock.after(restMs, resume);
    },
  };
}
