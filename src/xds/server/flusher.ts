// When streams flush, and when they are heard: once per turn of the event loop however often they were woken, so that a burst of changes
// costs each stream one push; in slices, so that a push to thousands does not block anything else; and streams that wait for their first
// configuration at a limited rate, after the others, so that a storm of reconnecting proxies neither stalls connected ones nor fills the
// memory.
import type { Clock } from '../../lib/clock.ts';
import type { Limits } from '../protocol/limits.ts';

export interface Flushable {
  /** Still waits for its first configuration. */
  readonly isNew: () => boolean;
  flush(): void;
  /** What it said while the flusher `holds` its requests. */
  hear(): void;
}

export interface Flusher {
  /** Soon, once. */
  schedule(stream: Flushable): void;
  cancel(stream: Flushable): void;
  /**
   * False: hear its request at once. True, in the middle of a push to many: it is told to `hear` it after the push, or a little later than
   * it came: what the first ones answer must not hold the push to the others up.
   */
  holds(stream: Flushable): boolean;
}

/** Then the event loop has a turn. */
const sliceMs = 5;
/** So many streams still to be flushed make a push worth holding requests up, but none longer than this. */
const [many, mostHeldMs] = [50, 100];

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
  /** Those with a request, in the order in which they came, and when the first came. */
  const speaking = new Set<Flushable>();
  let speakingSince = 0;
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
    if (now.size + waiting.size < many || clock.monotonic() > speakingSince + mostHeldMs) hearSome();
    if (now.size + waiting.size + speaking.size > 0) soon();
  };
  const hearSome = (): void => {
    if (speaking.size === 0) return;
    const until = clock.monotonic() + sliceMs;
    for (const stream of speaking) {
      speaking.delete(stream);
      stream.hear();
      if (clock.monotonic() > until) break;
    }
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
      speaking.delete(stream);
    },
    holds(stream) {
      if (now.size + waiting.size < many) return false;
      if (speaking.size === 0) speakingSince = clock.monotonic();
      speaking.add(stream);
      return true;
    },
  };
}
