// Repeatedly probes the endpoints that Services name themselves (static, DNS): no sidecar reports what is there. endpoint-schedule.ts
// decides when; never at addresses that no document should name (never-asked.ts). Reports those that are open.
import { lookup } from 'node:dns/promises';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { MeshIr, PortIr, PortKey, ServiceIr } from '../policy/ir.ts';
import { type Place, placesOf } from './endpoint-places.ts';
import { createEndpointSchedule } from './endpoint-schedule.ts';
import { endpointWords } from './endpoint-words.ts';
import { neverAsked } from './never-asked.ts';
import type { EndpointAnswer, ProbedEndpoint } from './probe-endpoint.ts';

export interface SeenEndpoint {
  /** Which port of the service should be there. */
  readonly of: PortKey;
  /** An IP address; the name, if DNS has no address for it. */
  readonly address: string;
  readonly port: number;
  /** Absent: not probed yet, or never. */
  readonly answer?: EndpointAnswer;
  /** Why it is never probed. */
  readonly never?: string;
  /** Epoch milliseconds. */
  readonly at?: number;
}

export interface EndpointWatch {
  /** Empty for a service whose endpoints are its sidecars. */
  of(service: ServiceIr): readonly SeenEndpoint[];
  /** Probes them now, unless that was done seconds ago; returns within a few seconds, finished or not. */
  look(services: readonly ServiceIr[]): Promise<void>;
  stop(): void;
}

export interface EndpointWatchDeps {
  readonly mesh: () => MeshIr | undefined;
  readonly probe: (service: PortIr, endpoint: ProbedEndpoint) => Promise<EndpointAnswer>;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: the host's resolver. */
  readonly resolve?: (name: string) => Promise<readonly { readonly address: string }[]>;
}

const maxAddresses = 16;

/** Forgets endpoints that documents no longer name. */
export function createEndpointWatch(deps: EndpointWatchDeps): EndpointWatch {
  const { mesh, probe, clock, log, resolve = (name) => lookup(name, { all: true }) } = deps;
  const seen = new Map<string, readonly SeenEndpoint[]>();

  const isFine = ({ key, service: { mtls } }: Place): boolean =>
    seen.get(key)?.every(({ answer, never }) => {
      return never !== undefined || (answer !== undefined && endpointWords[answer][mtls.mode] === 'fine');
    }) === true;

  const one = async ({ service, port }: Place, address: string): Promise<SeenEndpoint> => {
    const never = neverAsked(address);
    const of = service.id;
    if (never !== undefined) return { of, address, port, never };
    const answer = await probe(service, {
      ...{ address, port, protocol: service.protocol },
      health: service.healthPath !== undefined,
    });
    return { of, address, port, answer, at: clock.now() };
  };
  const ask = async (place: Place): Promise<void> => {
    const { host, port, byName, key, service } = place;
    const endpoints: SeenEndpoint[] = [];
    const addresses = byName ? await resolve(host).catch(() => []) : [{ address: host }];
    // One after the other: what a name resolves to is not decided by the documents.
    for (const { address } of addresses.slice(0, maxAddresses)) endpoints.push(await one(place, address));
    if (addresses.length === 0)
      endpoints.push({ of: service.id, address: host, port, answer: 'nothing', at: clock.now() });
    const before = seen.get(key) ?? [];
    seen.set(key, endpoints);
    for (const endpoint of endpoints) tell(service, endpoint, before);
  };
  const tell = (
    { key, id }: PortIr,
    { address, port, answer }: SeenEndpoint,
    before: readonly SeenEndpoint[],
  ): void => {
    const strict = mesh()?.services.get(key)?.mtls.mode === 'strict';
    if (answer === undefined || !strict || endpointWords[answer].strict !== 'open') return;
    if (before.some((old) => old.address === address && old.port === port && old.answer === answer)) return;
    const { what, toDo: hint } = endpointWords[answer];
    log.error({ service: id, address, port, answers: what, hint }, 'an endpoint of a strict service is open');
  };
  const schedule = createEndpointSchedule({
    ...{ mesh, clock, isFine },
    ask: (place) =>
      ask(place).catch((reason: unknown) =>
        log.warn({ service: place.service.id, reason: String(reason) }, 'an endpoint was not probed'),
      ),
    gone: (key) => void seen.delete(key),
  });
  return {
    of: (service) => placesOf(service).flatMap((place) => seen.get(place.key) ?? [notYet(place)]),
    look: schedule.look,
    stop: schedule.stop,
  };
}

function notYet({ service, host, port, byName }: Place): SeenEndpoint {
  const never = byName ? undefined : neverAsked(host);
  return { of: service.id, address: host, port, ...defined({ never }) };
}
