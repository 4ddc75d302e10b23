// The registry's ready proxies as translate's input: the only flow in the other direction.
import type { EndpointIr, MeshIr, PortKey, ServiceIr } from '../policy/ir.ts';
import { portsOf } from '../registry/ports.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { LiveEndpoints } from '../translate/proxy.ts';

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
