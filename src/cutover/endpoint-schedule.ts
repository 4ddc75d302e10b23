// When each endpoint that a Service names is probed: every half minute, open ones more often, only a few at the same time and per second,
// and on request. The result is judged by the caller (endpoint-watch.ts).
import type { Clock } from '../lib/clock.ts';
import type { MeshIr, ServiceIr } from '../policy/ir.ts';
import { createDueQueue } from './due-queue.ts';
import { type Place, placesOf } from './endpoint-places.ts';

export interface EndpointSchedule {
  /** Probes them now, unless that was done seconds ago; returns within a few seconds, finished or not. */
  look(services: readonly ServiceIr[]): Promise<void>;
  stop(): void;
}

export interface EndpointScheduleDeps {
  readonly mesh: () => MeshIr | undefined;
  readonly clock: Clock;
  /** Never rejects. */
  readonly ask: (place: Place) => Promise<void>;
  /** Based on the last probe. False if there was none. */
  readonly isFine: (place: Place) => boolean;
  /** Documents no longer name it. */
  readonly gone: (key: string) => void;
}

const tickMs = 250;
const everyMs = 30_000;
/** Those where something is open, or was when a less strict mode applied. */
const soonMs = 5000;
const freshMs = 5000;
const waitMs = 4000;
const atOnce = 4;
const maxPlaces = 10_000;

/** Starts at once, and follows changes of `mesh` by itself. */
export function createEndpointSchedule({ mesh, clock, ask, isFine, gone }: EndpointScheduleDeps): EndpointSchedule {
  const queue = createDueQueue<Place>();
  /** When each was last probed; monotonic. */
  const askedAt = new Map<string, number>();
  const running = new Map<string, Promise<void>>();
  let placed: { readonly of: MeshIr; readonly all: ReadonlyMap<string, Place> } | undefined;
  let stopped = false;
  let cancel = (): void => {};

  const at = ({ key }: Place): number => askedAt.get(key) ?? Number.NEGATIVE_INFINITY;
  const wait = (place: Place): void => {
    if (placed?.all.has(place.key) !== true) return;
    queue.add(place.key, place, at(place), isFine(place) ? everyMs : soonMs);
  };
  /** After a change of the documents: another mode may judge what was seen more strictly. */
  const arrange = (now: MeshIr): void => {
    const named = [...now.services.values()].flatMap(placesOf).slice(0, maxPlaces);
    const all = new Map(named.map((one) => [one.key, one]));
    for (const key of placed?.all.keys() ?? []) queue.remove(key);
    // Also for services that somebody asked about and that never came into force.
    for (const key of askedAt.keys()) {
      if (all.has(key)) continue;
      askedAt.delete(key);
      gone(key);
    }
    placed = { of: now, all };
    for (const one of [...all.values()].sort((a, b) => at(a) - at(b))) if (!running.has(one.key)) wait(one);
  };
  const start = (one: Place): Promise<void> => {
    const there = running.get(one.key);
    if (there !== undefined) return there;
    queue.remove(one.key);
    const work = ask(one).then(() => {
      running.delete(one.key);
      askedAt.set(one.key, clock.monotonic());
      wait(placed?.all.get(one.key) ?? one);
    });
    running.set(one.key, work);
    return work;
  };
  const tick = (): void => {
    cancel = clock.after(tickMs, tick);
    const now = mesh();
    if (now !== undefined && placed?.of !== now) arrange(now);
    if (running.size >= atOnce) return;
    const due = queue.take(clock.monotonic());
    if (due !== undefined) void start(due);
  };
  tick();

  return {
    async look(services) {
      const end = clock.monotonic() + waitMs;
      const stale = services
        .flatMap(placesOf)
        .filter((one) => at(one) < clock.monotonic() - freshMs)
        .toSorted((a, b) => at(a) - at(b));
      const worker = async (): Promise<void> => {
        for (let one = stale.shift(); one !== undefined && !stopped; one = stale.shift()) {
          if (clock.monotonic() >= end) return;
          await start(one);
        }
      };
      if (stale.length === 0) return;
      const late = new Promise<void>((done) => void clock.after(waitMs, done));
      await Promise.race([late, Promise.all(Array.from({ length: atOnce }, worker))]);
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
