// The registry's ready proxies as translate's input: the one flow back in the river.
import type { EndpointIr, MeshIr, ServiceKey } from '../policy/ir.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { LiveEndpoints } from '../translate/proxy.ts';

export function liveEndpoints(mesh: MeshIr, proxies: readonly RegisteredProxy[]): LiveEndpoints {
  const services = new Map<ServiceKey, Map<string, EndpointIr>>();
  for (const { spiffeId, inbound, ready } of proxies) {
    const key = mesh.serviceOf.get(spiffeId);
    const service = key === undefined ? undefined : mesh.services.get(key);
    if (key === undefined || service === undefined || inbound === undefined || !ready) continue;
    const { cell } = service;
    const endpoints = services.get(key) ?? new Map<string, EndpointIr>();
    services.set(key, endpoints);
    endpoints.set(`${inbound.address} ${inbound.port}`, {
      ...inbound,
      ...(cell === undefined ? {} : { cell: cell.name }),
      ...(cell?.region === undefined ? {} : { region: cell.region }),
    });
  }
  const sorted = [...services].map(([key, endpoints]): [ServiceKey, readonly EndpointIr[]] => [
    key,
    // Sorted, so that the order in which proxies connect changes no bytes.
    [...endpoints.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint),
  ]);
  return new Map(sorted);
}
