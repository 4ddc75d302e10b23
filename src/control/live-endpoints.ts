// The registry's ready proxies as translate's input: the only flow in the other direction.
import { inStep, sameKeys } from '../lib/in-step.ts';
import { share } from '../lib/share.ts';
import type { EndpointIr, MeshIr, PortKey, ServiceIr } from '../policy/ir.ts';
import { portsOf } from '../registry/ports.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { LiveEndpoints } from '../translate/proxy.ts';

export interface LiveEndpointsMaker {
  /** What `liveEndpoints` gives: equal parts are the same objects as last time. */
  of(mesh: MeshIr, proxies: readonly RegisteredProxy[]): LiveEndpoints;
}

/** Keeps the last ones: most changes of the documents move no endpoint, and nothing is made anew for those. */
export function createLiveEndpoints(): LiveEndpointsMaker {
  let last: { readonly mesh: MeshIr; readonly proxies: readonly RegisteredProxy[] } | undefined;
  let made: LiveEndpoints = new Map();
  return {
    of(mesh, proxies) {
      const same = last !== undefined && sameItems(last.proxies, proxies) && samePlaces(last.mesh, mesh);
      if (!same) made = share(made, liveEndpoints(mesh, proxies));
      last = { mesh, proxies };
      return made;
    },
  };
}

/** No service has moved to another cell, or has other ports. */
function samePlaces(before: MeshIr, after: MeshIr): boolean {
  if (before.serviceOf !== after.serviceOf || !sameKeys(before.services, after.services)) return false;
  for (const { one, other } of inStep(before.services, after.services)) {
    if (one?.cell !== other.cell || one?.ports.length !== other.ports.length) return false;
    if (!other.ports.every(({ id, port }, index) => id === one.ports[index]?.id && port === one.ports[index]?.port))
      return false;
  }
  return true;
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** Only ready proxies. Those whose application does not answer are left out, unless that would leave none. */
export function liveEndpoints(mesh: MeshIr, proxies: readonly RegisteredProxy[]): LiveEndpoints {
  const ports = new Map<PortKey, Place[]>();
  for (const proxy of proxies) {
    if (!proxy.ready) continue;
    const key = mesh.serviceOf.get(proxy.spiffeId);
    const service = key === undefined ? undefined : mesh.services.get(key);
    for (const place of service === undefined ? [] : placesOf(proxy, service)) {
      const there = ports.get(place.port);
      if (there === undefined) ports.set(place.port, [place]);
      else there.push(place);
    }
  }
  return new Map([...ports].map(([port, places]) => [port, endpointsAt(places)]));
}

/** Where a proxy takes calls for one of its ports. */
interface Place {
  readonly port: PortKey;
  readonly at: string;
  readonly endpoint: EndpointIr;
  readonly answers: boolean;
}

/** Most proxies and services are the same each time. */
const known = new WeakMap<RegisteredProxy, { readonly of: ServiceIr; readonly places: readonly Place[] }>();

function placesOf(proxy: RegisteredProxy, service: ServiceIr): readonly Place[] {
  const there = known.get(proxy);
  if (there?.of === service) return there.places;
  const { cell } = service;
  const places = portsOf(proxy).flatMap(({ name, inbound, applicationState }): Place[] => {
    const port = service.ports.find((one) => one.port === name)?.id;
    if (port === undefined || inbound === undefined) return [];
    const endpoint: EndpointIr = {
      ...inbound,
      ...(cell === undefined ? {} : { cell: cell.name }),
      ...(cell?.region === undefined ? {} : { region: cell.region }),
    };
    const answers = applicationState?.answers !== false;
    return [{ port, at: `${inbound.address} ${inbound.port}`, endpoint, answers }];
  });
  known.set(proxy, { of: service, places });
  return places;
}

/** Sorted, so that the order in which proxies connect does not change any bytes. */
function endpointsAt(places: readonly Place[]): readonly EndpointIr[] {
  const [first] = places;
  // As most ports have it. If no application answers, callers keep all of them: an empty set would be an outage that outlives its cause.
  if (first !== undefined && places.length === 1) return [first.endpoint];
  const all = new Map(places.map(({ at, endpoint }) => [at, endpoint]));
  const dead = new Set(places.flatMap(({ at, answers }) => (answers ? [] : [at])));
  const left = dead.size < all.size ? [...all].filter(([at]) => !dead.has(at)) : [...all];
  return left.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}
