// Looks again and again at the endpoints that Services name themselves (static, DNS): no sidecar tells what stands there. Every half minute
// each, what is open oftener, few at once and not many a second, and never at addresses that no document should name (never-asked.ts).
import { lookup } from 'node:dns/promises';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { MeshIr, ServiceIr } from '../policy/ir.ts';
import { endpointWords } from './endpoint-words.ts';
import { neverAsked } from './never-asked.ts';
import type { EndpointAnswer, ProbedEndpoint } from './probe-endpoint.ts';

export interface SeenEndpoint {
  /** An IP address; the name, where DNS has none for it. */
  readonly address: string;
  readonly port: number;
  /** Absent: not looked at yet, or never. */
  readonly answer?: EndpointAnswer;
  /** Why it is never looked at. */
  readonly never?: string;
  /** Epoch milliseconds. */
  readonly at?: number;
}

export interface EndpointWatch {
  /** Empty for a service whose endpoints are its sidecars. */
  of(service: ServiceIr): readonly SeenEndpoint[];
  /** Looks at them now, unless that was seconds ago; answers after some seconds at the latest, done or not. */
  look(services: readonly ServiceIr[]): Promise<void>;
  stop(): void;
}

export interface EndpointWatchDeps {
  readonly mesh: () => MeshIr | undefined;
  readonly probe: (service: ServiceIr, endpoint: ProbedEndpoint) => Promise<EndpointAnswer>;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: the host's resolver. */
  readonly resolve?: (name: string) => Promise<readonly { readonly address: string }[]>;
}

/** A line of a document: one address, or a name that has several. */
interface Place {
  readonly service: ServiceIr;
  readonly host: string;
  readonly port: number;
  readonly byName: boolean;
  readonly key: string;
}

interface Seen {
  readonly endpoints: readonly SeenEndpoint[];
  /** Monotonic. */
  readonly at: number;
}

const tickMs = 250;
const everyMs = 30_000;
/** Where something is open, or was when it was less strict. */
const soonMs = 5000;
const freshMs = 5000;
const waitMs = 4000;
const atOnce = 4;
const maxAddresses = 16;
const maxPlaces = 10_000;

export function createEndpointWatch(deps: EndpointWatchDeps): EndpointWatch {
  const { mesh, probe, clock, log, resolve = (name) => lookup(name, { all: true }) } = deps;
  const seen = new Map<string, Seen>();
  const running = new Map<string, Promise<void>>();
  let placed: { readonly of: MeshIr; readonly all: readonly Place[] } | undefined;
  let stopped = false;
  let cancel = (): void => {};

  const places = (): readonly Place[] => {
    const now = mesh();
    if (now === undefined) return [];
    if (placed?.of !== now) {
      placed = { of: now, all: [...now.services.values()].flatMap(placesOf).slice(0, maxPlaces) };
      const keys = new Set(placed.all.map(({ key }) => key));
      for (const key of seen.keys()) if (!keys.has(key)) seen.delete(key);
    }
    return placed.all;
  };
  const at = ({ key }: Place): number => seen.get(key)?.at ?? Number.NEGATIVE_INFINITY;

  const isFine = ({ key, service: { mtls } }: Place): boolean =>
    seen.get(key)?.endpoints.every(({ answer, never }) => {
      return never !== undefined || (answer !== undefined && endpointWords[answer][mtls.mode] === 'fine');
    }) === true;

  const one = async ({ service, port }: Place, address: string): Promise<SeenEndpoint> => {
    const never = neverAsked(address);
    if (never !== undefined) return { address, port, never };
    const answer = await probe(service, {
      ...{ address, port, protocol: service.protocol },
      health: service.healthPath !== undefined,
    });
    return { address, port, answer, at: clock.now() };
  };
  const ask = async (place: Place): Promise<void> => {
    const { host, port, byName, key, service } = place;
    const endpoints: SeenEndpoint[] = [];
    const addresses = byName ? await resolve(host).catch(() => []) : [{ address: host }];
    // One after the other: what a name leads to is not the documents' to say.
    for (const { address } of addresses.slice(0, maxAddresses)) endpoints.push(await one(place, address));
    if (addresses.length === 0) endpoints.push({ address: host, port, answer: 'nothing', at: clock.now() });
    const before = seen.get(key)?.endpoints ?? [];
    seen.set(key, { endpoints, at: clock.monotonic() });
    for (const endpoint of endpoints) tell(service, endpoint, before);
  };
  const tell = ({ key }: ServiceIr, { address, port, answer }: SeenEndpoint, before: readonly SeenEndpoint[]): void => {
    const strict = mesh()?.services.get(key)?.mtls.mode === 'strict';
    if (answer === undefined || !strict || endpointWords[answer].strict !== 'open') return;
    if (before.some((old) => old.address === address && old.port === port && old.answer === answer)) return;
    const { what, toDo: hint } = endpointWords[answer];
    log.error({ service: key, address, port, answers: what, hint }, 'an endpoint of a strict service is open');
  };
  const start = (place: Place): Promise<void> => {
    const there = running.get(place.key);
    if (there !== undefined) return there;
    const work = ask(place)
      .catch((reason: unknown) =>
        log.warn({ service: place.service.key, reason: String(reason) }, 'an endpoint was not looked at'),
      )
      .finally(() => running.delete(place.key));
    running.set(place.key, work);
    return work;
  };
  const tick = (): void => {
    cancel = clock.after(tickMs, tick);
    if (running.size >= atOnce) return;
    const now = clock.monotonic();
    let oldest: Place | undefined;
    for (const place of places()) {
      if (running.has(place.key) || at(place) > now - (isFine(place) ? everyMs : soonMs)) continue;
      if (oldest === undefined || at(place) < at(oldest)) oldest = place;
    }
    if (oldest !== undefined) void start(oldest);
  };
  tick();

  return {
    of: (service) => placesOf(service).flatMap((place) => seen.get(place.key)?.endpoints ?? [notYet(place)]),
    async look(services) {
      const end = clock.monotonic() + waitMs;
      const stale = services
        .flatMap(placesOf)
        .filter((place) => at(place) < clock.monotonic() - freshMs)
        .toSorted((a, b) => at(a) - at(b));
      const worker = async (): Promise<void> => {
        for (let place = stale.shift(); place !== undefined && !stopped; place = stale.shift()) {
          if (clock.monotonic() >= end) return;
          await start(place);
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

function placesOf(service: ServiceIr): readonly Place[] {
  const { key, endpoints, protocol } = service;
  const place = (host: string, port: number, byName: boolean): Place => {
    return { service, host, port, byName, key: JSON.stringify([key, host, port, byName, protocol]) };
  };
  switch (endpoints.kind) {
    case 'sidecars':
      return [];
    case 'static': {
      const all = endpoints.endpoints.map(({ address, port }) => place(address, port, false));
      return [...new Map(all.map((one) => [one.key, one])).values()];
    }
    case 'dns':
      return [place(endpoints.name, endpoints.port, true)];
    default:
      return endpoints satisfies never;
  }
}

function notYet({ host, port, byName }: Place): SeenEndpoint {
  const never = byName ? undefined : neverAsked(host);
  return { address: host, port, ...(never === undefined ? {} : { never }) };
}
