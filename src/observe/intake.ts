// Processes what proxies report in small slices, one identity after the other, between which everything else in the process gets its turn.
// Whoever reports more than its share is read more slowly, and so are all if they report more than theirs together: flow control holds them
// back. An Envoy that is held back drops entries, and counts them, so that what was lost is known (cross-check.ts).
import { setImmediate } from 'node:timers';
import type { Clock } from '../lib/clock.ts';
import { createPacer } from '../lib/pacer.ts';
import { openWay, type RightOfWay } from '../lib/right-of-way.ts';

export interface Intake {
  /** Returns false, and accepts nothing, if too much of `who` is waiting already. `work` never throws. */
  add(who: string, job: IntakeJob): boolean;
}

export interface IntakeJob {
  /** How much it occupies while it waits. */
  readonly bytes: number;
  /** One step per `next`; ends when everything is done. */
  readonly work: Iterator<unknown>;
  /** Called once, when everything is done and it may send more. */
  readonly done: () => void;
}

export interface IntakeLimits {
  /** Maximum number of waiting bytes of one identity. */
  readonly waitingBytes: number;
  /** The longest slice. */
  readonly turnMs: number;
  readonly workAtOnceMs: number;
  /** Share of all time that one identity may take, in the long run. */
  readonly workShare: number;
  /** The same for all together. An operator's command is slowed down by 1 / (1 - share). */
  readonly ofAll: { readonly workAtOnceMs: number; readonly workShare: number };
}

const intakeLimits: IntakeLimits = {
  waitingBytes: 8 * 1024 * 1024,
  turnMs: 1,
  workAtOnceMs: 500,
  workShare: 0.12,
  ofAll: { workAtOnceMs: 100, workShare: 0.4 },
};

/** `way` says how long to wait while something more urgent is going on. */
export function createIntake(
  clock: Pick<Clock, 'monotonic' | 'after'>,
  limits: IntakeLimits = intakeLimits,
  way: Pick<RightOfWay, 'waitMs'> = openWay,
): Intake {
  const pacer = createPacer({ clock, limits });
  const pacerOfAll = createPacer({ clock, limits: limits.ofAll });
  /** Monotonic: until then nothing is read of anybody. */
  let restUntil = 0;
  const waiting = new Map<string, { jobs: IntakeJob[]; bytes: number }>();
  /** Whose turn it is, in order; resting ones are not included. */
  const ready = new Set<string>();
  let scheduled = false;

  const schedule = (): void => {
    if (scheduled || ready.size === 0) return;
    scheduled = true;
    const go = (): void => {
      scheduled = false;
      turn();
      schedule();
    };
    const waitMs = Math.max(way.waitMs(), restUntil - clock.monotonic());
    if (waitMs > 0) clock.after(waitMs, go);
    else setImmediate(go);
  };
  const turn = (): void => {
    const began = clock.monotonic();
    while (ready.size > 0 && clock.monotonic() - began < limits.turnMs) workOnNext(began + limits.turnMs);
    restUntil = clock.monotonic() + pacerOfAll.spend('all', clock.monotonic() - began);
  };
  const workOnNext = (until: number): void => {
    const who = ready.values().next().value;
    if (who === undefined) return;
    ready.delete(who);
    const own = waiting.get(who);
    const began = clock.monotonic();
    while (own !== undefined && own.jobs.length > 0 && clock.monotonic() < until) {
      const [job] = own.jobs;
      if (job === undefined || job.work.next().done !== true) continue;
      own.jobs.shift();
      own.bytes -= job.bytes;
      job.done();
    }
    const restMs = pacer.spend(who, clock.monotonic() - began);
    if (own === undefined || own.jobs.length === 0) waiting.delete(who);
    // What arrives while it rests waits as well: an entry of `waiting` is either ready or resting.
    else if (restMs === 0) ready.add(who);
    else
      clock.after(restMs, () => {
        ready.add(who);
        schedule();
      });
  };
  return {
    add(who, job) {
      const own = waiting.get(who);
      if (own !== undefined && own.bytes + job.bytes > limits.waitingBytes) return false;
      if (own === undefined) {
        waiting.set(who, { jobs: [job], bytes: job.bytes });
        ready.add(who);
      } else {
        own.jobs.push(job);
        own.bytes += job.bytes;
      }
      schedule();
      return true;
    },
  };
}
