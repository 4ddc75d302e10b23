// The last refusals by their request's id, so that an operator who is told an id can ask why. Bounded, in memory only: no bodies,
// no query strings. An id may come from the caller, and need not be unique; each service has its own room, and within it each caller,
// so that nobody's refusals push out another's.

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
  readonly clock: Pick<Clock, 'now'>;
  /** Of one service's, about. Default 1 MiB. */
  readonly serviceBytes?: number;
  /** Of all. Default 32 MiB. */
  readonly maxBytes?: number;
}

const mebibyte = 1024 * 1024;
const maxText = 1024;
/** A proxy cuts the id that it tells its caller to this; the log has it whole. */
const maxId = 128;
const objectBytes = 400;

interface Room {
  /** By caller, each oldest first. */
  readonly callers: Map<string, Refusal[]>;
  bytes: number;
}

export function createRefusals(options: RefusalsOptions): Refusals {
  const { clock, serviceBytes = mebibyte, maxBytes = 32 * mebibyte } = options;
  const rooms = new Map<string, Room>();
  let bytes = 0;

  /** Of the caller that has most, the older half; of callers alike, the one that came first. */
  const shrink = (room: Room): void => {
    const [key, most] = [...room.callers].reduce((largest, other) =>
      other[1].length > largest[1].length ? other : largest,
    );
    const gone = most.splice(0, Math.ceil(most.length / 2));
    if (most.length === 0) room.callers.delete(key);
    const size = gone.reduce((sum, refusal) => sum + sizeOf(refusal), 0);
    room.bytes -= size;
    bytes -= size;
  };
  return {
    record(given) {
      const refusal = {
        ...given,
        requestId: clip(given.requestId, maxId),
        path: clip(given.path, maxText),
        at: clock.now(),
      };
      const room = rooms.get(refusal.service) ?? { callers: new Map<string, Refusal[]>(), bytes: 0 };
      rooms.set(refusal.service, room);
      const caller = refusal.principal ?? refusal.caller;
      const own = room.callers.get(caller);
      if (own === undefined) room.callers.set(caller, [refusal]);
      else own.push(refusal);
      room.bytes += sizeOf(refusal);
      bytes += sizeOf(refusal);
      while (room.bytes > serviceBytes) shrink(room);
      while (bytes > maxBytes) shrink([...rooms.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a)));
    },
    find(requestId) {
      const wanted = requestId.slice(0, maxId);
      return [...rooms.values()]
        .flatMap(({ callers }) => [...callers.values()])
        .flatMap((own) => own.filter((refusal) => refusal.requestId === wanted))
        .reverse()
        .toSorted((a, b) => b.at - a.at);
    },
  };
}

function sizeOf({ requestId, path, principal = '', policy = '' }: Refusal): number {
  return objectBytes + requestId.length + path.length + principal.length + policy.length;
}
