// The registry's ready proxies as translate's input: the one flow back in the river.
import type { EndpointIr, MeshIr, ServiceKey } from '../policy/ir.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { LiveEndpoints } from '../translate/proxy.ts';

export function liveEndpoints(mesh: MeshIr, proxies: readonly RegisteredProxy[]): LiveEndpoints {
  const services = new Map<ServiceKey, Map<string, EndpointIr>>();
  const dead = new Map<ServiceKey, Set<string>>();
  for (const { spiffeId, inbound, ready, applicationState } of proxies) {
    const key = mesh.serviceOf.get(spiffeId);
    const service = key === undefined ? undefined : mesh.services.get(key);
    if (key === undefined || service === undefined || inbound === undefined || !ready) continue;
    const { cell } = service;
    const endpoints = services.get(key) ?? new Map<string, EndpointIr>();
    services.set(key, endpoints);
    const at = `${inbound.address} ${inbound.port}`;
    if (applicationState?.answers === false) dead.set(key, (dead.get(key) ?? new Set()).add(at));
    endpoints.set(at, {
      ...inbound,
      ...(cell === undefined ? {} : { cell: cell.name }),
      ...(cell?.region === undefined ? {} : { region: cell.region }),
    });
  }
  // Where no application answers, callers keep them all: an emptied set would be an outage that outlives its cause.
  for (const [key, gone] of dead) {
    const endpoints = services.get(key);
    if (endpoints !== undefined && gone.size < endpoints.size) for (const at of gone) endpoints.delete(at);
  }
  const sorted = [...services].map(([key, endpoints]): [ServiceKey, readonly EndpointIr[]] => [
    key,
    // Sorted, so that the order in which proxies connect changes no bytes.
    [...endpoints.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint),
  ]);
  return new Map(sorted);
}
