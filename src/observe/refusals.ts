// The latest denials, answers of callers' own proxies in place of a service, and calls that got no complete answer from the application: by
// the id that the answering proxy created, so that whoever got one can ask why; and by the id that the caller sent, which anyone can
// choose. Bounded, in memory only: no bodies, no query strings. Each service has its own space, and within it each caller, so that nobody's
// denials displace another's.

import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import type { Call } from './traffic-count.ts';

interface Told {
  /** Created by the proxy that answered; '' if it reported none. */
  readonly requestId: string;
  /** The request's own x-request-id, which its caller may have chosen, and shared with others. */
  readonly tracedAs?: string;
  /** When it was reported here, epoch milliseconds. */
  readonly at: number;
  /** When the call had ended, by the proxy's clock; absent if that cannot be. */
  readonly endedAt?: number;
  /** Whose proxy answered, by its verified identity. */
  readonly service: string;
  readonly node: string;
  readonly method?: string;
  /** As received, without the query. */
  readonly path: string;
}

/** By the sidecar of the called service. */
export interface Denied extends Told {
  readonly kind: 'denied';
  /** Of the service, with a name of its own. */
  readonly port?: string;
  readonly caller: Call['caller'];
  readonly principal?: string;
  /** The rule that denied it, by its name on the proxy; absent if none allowed. */
  readonly policy?: string;
}

/** Allowed by the sidecar of `service`, and not answered by its application, or not completely. It has only the caller's id. */
export interface Failed extends Told {
  readonly kind: 'failed';
  /** Of the service, with a name of its own. */
  readonly port?: string;
  readonly caller: Call['caller'];
  readonly principal?: string;
  /** What the caller was answered; 200 in gRPC, and if the application's answer had begun. */
  readonly status: number;
  /** Envoy's (%RESPONSE_CODE_DETAILS%). */
  readonly details: string;
}

/** By the sidecar of `service` itself, which should have called `target`. */
export interface OwnAnswer extends Told {
  readonly kind: 'own';
  /** Key of the port. */
  readonly target: string;
  /** Of HTTP; 200 in gRPC. */
  readonly status: number;
  /** Envoy's (%RESPONSE_CODE_DETAILS%). */
  readonly details: string;
}

export type Refusal = Denied | Failed | OwnAnswer;
type Untimed = Omit<Denied, 'at'> | Omit<Failed, 'at'> | Omit<OwnAnswer, 'at'>;

export interface Refusals {
  record(refusal: Untimed): void;
  find(id: string): FoundRefusals;
  /** The latest ones of that edge, the newest first; at most 50. */
  about(edge: Edge): readonly Refusal[];
}

/** Who calls, and which port of which service. */
export interface Edge {
  /** Its service, if it is one of the mesh: its own sidecar answers in place of the port `target`, by its key. */
  readonly own?: { readonly service: string; readonly target: string };
  readonly service: string;
  /** Of the service, with a name of its own. */
  readonly port?: string;
  /** A SPIFFE ID, or how an anonymous caller connected. */
  readonly caller: string;
}

export interface FoundRefusals {
  /** Whose id it is: that of the proxy that denied, or, less reliable, one that callers sent. */
  readonly by: 'proxy' | 'caller';
  /**
   * One for each service whose proxy says it answered the request, in order of arrival: before its proxy reported it, nobody could know the
   * id. For a caller's id, one for each caller and service, the newest first.
   */
  readonly refusals: readonly Refusal[];
}

export interface RefusalsOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Per service, approximately. Default 1 MiB. */
  readonly serviceBytes?: number;
  /** In total. Default 32 MiB. */
  readonly maxBytes?: number;
}

const mebibyte = 1024 * 1024;
const maxText = 1024;
/** Logs arrive within a second or two: a time before that is that of another clock, or made up. */
const mostDelayMs = 10_000;
const maxAbout = 50;
/** Of an id: longer ones are not ours. */
const maxId = 128;
const objectBytes = 400;

interface Room {
  /** By caller, each oldest first. */
  readonly callers: Map<string, Refusal[]>;
  bytes: number;
}

/** Texts are clipped. If a service's space is full, the caller with the most loses the older half of its own. */
export function createRefusals(options: RefusalsOptions): Refusals {
  const { clock, serviceBytes = mebibyte, maxBytes = 32 * mebibyte } = options;
  const rooms = new Map<string, Room>();
  let bytes = 0;

  /** Of the caller with the most, the older half; if equal, of the one that came first. */
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
    record({ endedAt = 0, ...rest }) {
      const at = clock.now();
      const given = endedAt <= at && endedAt > at - mostDelayMs ? { ...rest, endedAt } : rest;
      const cut = {
        requestId: clip(given.requestId, maxId),
        ...(given.tracedAs === undefined ? {} : { tracedAs: clip(given.tracedAs, maxId) }),
        path: clip(given.path, maxText),
        at,
      };
      const refusal: Refusal =
        given.kind === 'denied' ? { ...given, ...cut } : { ...given, ...cut, details: clip(given.details, maxText) };
      // Entries about its own outgoing calls never displace entries about calls to it.
      const place = `${refusal.kind} ${refusal.service}`;
      const room = rooms.get(place) ?? { callers: new Map<string, Refusal[]>(), bytes: 0 };
      rooms.set(place, room);
      const caller = refusal.kind === 'own' ? refusal.target : (refusal.principal ?? refusal.caller);
      const own = room.callers.get(caller);
      if (own === undefined) room.callers.set(caller, [refusal]);
      else own.push(refusal);
      room.bytes += sizeOf(refusal);
      bytes += sizeOf(refusal);
      while (room.bytes > serviceBytes) shrink(room);
      while (bytes > maxBytes) shrink([...rooms.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a)));
    },
    about({ own, service, port, caller }) {
      const of = (kind: Refusal['kind'], whose: string, who: string): readonly Refusal[] =>
        (rooms.get(`${kind} ${whose}`)?.callers.get(who) ?? []).slice(-maxAbout);
      const atService = [...of('denied', service, caller), ...of('failed', service, caller)];
      return [
        ...(own === undefined ? [] : of('own', own.service, own.target)),
        ...atService.filter((one) => one.kind !== 'own' && one.port === port),
      ]
        .toReversed()
        .toSorted((a, b) => happenedAt(b) - happenedAt(a))
        .slice(0, maxAbout);
    },
    find(id) {
      const wanted = id.slice(0, maxId);
      const matching = (test: (refusal: Refusal) => boolean): readonly Refusal[] =>
        [...rooms.values()].flatMap(({ callers }) => [...callers.values()].flatMap((own) => own.filter(test)));
      const made = matching(({ requestId }) => requestId === wanted && requestId !== '').toSorted(
        (a, b) => a.at - b.at,
      );
      if (made.length > 0)
        return { by: 'proxy', refusals: firstOfEach(made, ({ kind, service }) => `${kind} ${service}`) };
      const traced = matching(({ tracedAs }) => tracedAs === wanted).toReversed();
      return {
        by: 'caller',
        refusals: firstOfEach(
          traced.toSorted((a, b) => b.at - a.at),
          callOf,
        ),
      };
    },
  };
}

function firstOfEach(refusals: readonly Refusal[], key: (refusal: Refusal) => string): readonly Refusal[] {
  const first = new Map<string, Refusal>();
  for (const refusal of refusals) if (!first.has(key(refusal))) first.set(key(refusal), refusal);
  return [...first.values()];
}

/** Batches of logs overtake each other: when it happened says which call was the last one. */
export function happenedAt({ at, endedAt = at }: Pick<Told, 'at' | 'endedAt'>): number {
  return endedAt;
}

/** Who called whom, in words. */
export function callOf(refusal: Refusal): string {
  if (refusal.kind === 'own') return `${refusal.service} -> ${refusal.target} (answered by its own sidecar)`;
  const port = refusal.port === undefined ? '' : `:${refusal.port}`;
  const call = `${refusal.principal ?? refusal.caller} -> ${refusal.service}${port}`;
  return refusal.kind === 'failed' ? `${call} (allowed, but failed)` : call;
}

function sizeOf(refusal: Refusal): number {
  const { requestId, tracedAs = '', path } = refusal;
  return objectBytes + requestId.length + tracedAs.length + path.length + restOf(refusal).length;
}

function restOf(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'own':
      return refusal.details + refusal.target;
    case 'failed':
      return `${refusal.principal ?? ''}${refusal.details}`;
    case 'denied':
      return `${refusal.principal ?? ''}${refusal.policy ?? ''}`;
    default:
      return refusal satisfies never;
  }
}
