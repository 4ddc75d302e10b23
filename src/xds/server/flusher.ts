// When streams flush: once per turn of the event loop however often they were woken, so that a burst of changes costs each stream one push;
// in slices, so that a push to thousands does not block anything else; and streams that wait for their first configuration at a limited
// rate, after the others, so that a storm of reconnecting proxies neither stalls connected ones nor fills the memory.
import type { Clock } from '../../lib/clock.ts';
import type { Limits } from '../protocol/limits.ts';

export interface Flushable {
  /** Still waits for its first configuration. */
  readonly isNew: () => boolean;
  flush(): void;
}

export interface Flusher {
  /** Soon, once. */
  schedule(stream: Flushable): void;
  cancel(stream: Flushable): void;
}

/** Then the event loop has a turn. */
const sliceMs = 5;

export function createFlusher({
  clock,
  limits,
}: {
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'admittedPerSecond' | 'admittedAtOnce'>;
}): Flusher {
  /** Those of this turn; those that are scheduled again meanwhile get the next one. */
  let now = new Set<Flushable>();
  let waiting = new Set<Flushable>();
  const arriving = new Set<Flushable>();
  let tokens = limits.admittedAtOnce;
  let refilled = clock.monotonic();
  let ticking = false;
  let timed = false;

  const soon = (): void => {
    if (ticking) return;
    ticking = true;
    setImmediate(tick);
  };
  const tick = (): void => {
    ticking = false;
    const until = clock.monotonic() + sliceMs;
    if (now.size === 0) [now, waiting] = [waiting, now];
    if (flushSome(now, until)) admit(until);
    if (now.size + waiting.size > 0) soon();
  };
  /** Returns whether that was all. */
  const flushSome = (streams: Set<Flushable>, until: number): boolean => {
    for (const stream of streams) {
      streams.delete(stream);
      stream.flush();
      if (clock.monotonic() > until) break;
    }
    return streams.size === 0;
  };
  const admit = (until: number): void => {
    const at = clock.monotonic();
    tokens = Math.min(limits.admittedAtOnce, tokens + ((at - refilled) / 1000) * limits.admittedPerSecond);
    refilled = at;
    for (const stream of arriving) {
      if (tokens < 1) break;
      if (clock.monotonic() > until) {
        soon();
        return;
      }
      tokens--;
      arriving.delete(stream);
      stream.flush();
    }
    if (arriving.size === 0 || timed) return;
    timed = true;
    clock.after(Math.ceil(1000 / limits.admittedPerSecond), () => {
      timed = false;
      soon();
    });
  };
  return {
    schedule(stream) {
      (stream.isNew() ? arriving : waiting).add(stream);
      soon();
    },
    cancel(stream) {
      now.delete(stream);
      waiting.delete(stream);
      arriving.delete(stream);
    },
  };
}
