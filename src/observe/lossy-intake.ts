// Accepts reports of proxies that may be lost, because no decision depends on them: a small share of time for each identity; the rest is
// dropped unread. It is received nevertheless: an Envoy that is held back drops entries of its other logs together with these, in one
// count. Only a sender faster than any sidecar is read more slowly.
import type { Clock } from '../lib/clock.ts';
import { createPacer } from '../lib/pacer.ts';
import { openWay, type RightOfWay } from '../lib/right-of-way.ts';
import { createIntake, type IntakeJob, type IntakeLimits } from './intake.ts';

export interface LossyIntake {
  add(who: string, job: LossyJob): void;
}

export interface LossyJob extends Pick<IntakeJob, 'bytes' | 'work'> {
  /** It must stop sending for now, or may continue. */
  readonly pause: () => void;
  readonly resume: () => void;
}

export interface LossyLimits extends IntakeLimits {
  /** Bytes of one identity, read or dropped. */
  readonly bytesPerMs: number;
  /** Maximum number of waiting bytes of all together. */
  readonly waitingBytesOfAll: number;
}

const lossyLimits: LossyLimits = {
  waitingBytes: 1024 * 1024,
  turnMs: 1,
  workAtOnceMs: 250,
  workShare: 0.05,
  ofAll: { workAtOnceMs: 250, workShare: 0.1 },
  waitingBytesOfAll: 64 * 1024 * 1024,
  bytesPerMs: 8 * 1024,
};

/** `add` never refuses: what is too much is dropped without a word. */
export function createLossyIntake(
  clock: Pick<Clock, 'monotonic' | 'after'>,
  limits: LossyLimits = lossyLimits,
  way: Pick<RightOfWay, 'waitMs'> = openWay,
): LossyIntake {
  const intake = createIntake(clock, limits, way);
  const line = createPacer({ clock, limits: { workAtOnceMs: 1000, workShare: 1 } });
  let waiting = 0;
  return {
    add(who, { bytes, work, pause, resume }) {
      const done = (): void => {
        waiting -= bytes;
      };
      if (waiting + bytes <= limits.waitingBytesOfAll && intake.add(who, { bytes, work, done })) waiting += bytes;
      const restMs = line.spend(who, bytes / limits.bytesPerMs);
      if (restMs === 0) return;
      pause();
      clock.after(restMs, resume);
    },
  };
}
