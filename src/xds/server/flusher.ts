// When streams flush: once a turn of the event loop however often they were woken, so that a burst of changes costs each
// stream one push; and streams that wait for their first configuration at a bounded rate, so that a storm of
// reconnecting proxies neither stalls those that are connected nor fills the memory.
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

export function createFlusher({
  clock,
  limits,
}: {
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'admittedPerSecond' | 'admittedAtOnce'>;
}): Flusher {
  const waiting = new Set<Flushable>();
  const arriving = new Set<Flushable>();
  let tokens = limits.admittedAtOnce;
  let refilled = clock.monotonic();
  let ticking = false;
  let timed = false;

  const tick = (): void => {
    ticking = false;
    // Those that schedule again meanwhile have the next turn.
    const now = [...waiting];
    waiting.clear();
    for (const stream of now) stream.flush();
    admit();
  };
  const admit = (): void => {
    const at = clock.monotonic();
    tokens = Math.min(limits.admittedAtOnce, tokens + ((at - refilled) / 1000) * limits.admittedPerSecond);
    refilled = at;
    for (const stream of arriving) {
      if (tokens < 1) break;
      tokens--;
      arriving.delete(stream);
      stream.flush();
    }
    if (arriving.size === 0 || timed) return;
    timed = true;
    clock.after(Math.ceil(1000 / limits.admittedPerSecond), () => {
      timed = false;
      admit();
    });
  };
  return {
    schedule(stream) {
      (stream.isNew() ? arriving : waiting).add(stream);
      if (ticking) return;
      ticking = true;
      setImmediate(tick);
    },
    cancel(stream) {
      waiting.delete(stream);
      arriving.delete(stream);
    },
  };
}
