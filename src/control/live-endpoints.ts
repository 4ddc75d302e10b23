// The registry's ready proxies as translate's input: the only flow in the other direction.
import { inStep, sameKeys, withValues } from '../lib/in-step.ts';
import { share } from '../lib/share.ts';
import type { EndpointIr, MeshIr, PortKey, ServiceIr } from '../policy/ir.ts';
import { portsOf } from '../registry/ports.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { LiveEndpoints } from '../translate/proxy.ts';

export interface LiveEndpointsMaker {
  /** By port. Equal parts are the same objects as last time. */
  of(mesh: MeshIr, proxies: readonly RegisteredProxy[]): LiveEndpoints;
}

/**
 * Keeps the last ones: most changes of the documents move no endpoint, and most proxies are the same objects as last time. Only ready
 * proxies are endpoints. Those whose application does not answer are left out, unless that would leave none.
 */
export function createLiveEndpoints(): LiveEndpointsMaker {
  let last: Last | undefined;
  let made: LiveEndpoints = new Map();
  return {
    of(mesh, proxies) {
      if (last === undefined || !samePlaces(last.mesh, mesh)) {
        const ports: Places = new Map();
        for (const proxy of proxies) enter(ports, mesh, proxy);
        made = share(made, new Map([...ports].map(([port, places]) => [port, endpointsAt(places)])));
        last = { mesh, proxies, ports };
      } else {
        made = moved(made, { ...last, mesh }, proxies);
        last = { ...last, mesh, proxies };
      }
      return made;
    },
  };
}

/** By port and node: where it takes calls. */
type Places = Map<PortKey, Map<string, Place>>;

interface Last {
  readonly mesh: MeshIr;
  readonly proxies: readonly RegisteredProxy[];
  readonly ports: Places;
}

/** Changes the places in `last`. */
function moved(made: LiveEndpoints, { mesh, proxies: before, ports }: Last, after: readonly RegisteredProxy[]) {
  const gone = before.filter((proxy, index) => proxy !== after[index]);
  const come = after.filter((proxy, index) => proxy !== before[index]);
  const touched = new Set<PortKey>();
  for (const proxy of gone) {
    for (const { port } of placesIn(mesh, proxy)) {
      ports.get(port)?.delete(proxy.node);
      touched.add(port);
    }
  }
  for (const proxy of come) for (const port of enter(ports, mesh, proxy)) touched.add(port);
  const now = new Map<PortKey, readonly EndpointIr[]>();
  for (const port of touched) {
    const places = ports.get(port);
    if (places === undefined || places.size === 0) ports.delete(port);
    else now.set(port, share(made.get(port), endpointsAt(places)));
  }
  const left = [...touched].filter((port) => !now.has(port) && made.has(port));
  const stay = left.length === 0 ? made : new Map([...made].filter(([port]) => !left.includes(port)));
  return withValues(
    stay,
    [...now].filter(([port, endpoints]) => endpoints !== stay.get(port)),
  );
}

function enter(ports: Places, mesh: MeshIr, proxy: RegisteredProxy): readonly PortKey[] {
  const places = placesIn(mesh, proxy);
  for (const place of places) {
    const there = ports.get(place.port);
    if (there === undefined) ports.set(place.port, new Map([[proxy.node, place]]));
    else there.set(proxy.node, place);
  }
  return places.map(({ port }) => port);
}

/** No service has moved to another cell, or has other ports. */
function samePlaces(before: MeshIr, after: MeshIr): boolean {
  if (before === after) return true;
  if (before.serviceOf !== after.serviceOf || !sameKeys(before.services, after.services)) return false;
  for (const { one, other } of inStep(before.services, after.services)) {
    if (one?.cell !== other.cell || one?.ports.length !== other.ports.length) return false;
    if (!other.ports.every(({ id, port }, index) => id === one.ports[index]?.id && port === one.ports[index]?.port))
      return false;
  }
  return true;
}

function placesIn({ serviceOf, services }: MeshIr, proxy: RegisteredProxy): readonly Place[] {
  const key = proxy.ready ? serviceOf.get(proxy.spiffeId) : undefined;
  const service = key === undefined ? undefined : services.get(key);
  return service === undefined ? [] : placesOf(proxy, service);
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
function endpointsAt(places: ReadonlyMap<string, Place>): readonly EndpointIr[] {
  // If no application answers, callers keep all of them: an empty set would be an outage that outlives its cause.
  const all = new Map<string, EndpointIr>();
  const dead = new Set<string>();
  for (const { at, endpoint, answers } of places.values()) {
    all.set(at, endpoint);
    if (!answers) dead.add(at);
  }
  const left = dead.size < all.size ? [...all].filter(([at]) => !dead.has(at)) : [...all];
  return left.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}
