// The registry's ready proxies as translate's input: the only flow in the other direction.
import type { EndpointIr, MeshIr, PortKey } from '../policy/ir.ts';
import { portsOf } from '../registry/ports.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { LiveEndpoints } from '../translate/proxy.ts';

/** Only ready proxies. Those whose application does not answer are left out, unless that would leave none. */
export function liveEndpoints(mesh: MeshIr, proxies: readonly RegisteredProxy[]): LiveEndpoints {
  const ports = new Map<PortKey, Map<string, EndpointIr>>();
  const dead = new Map<PortKey, Set<string>>();
  for (const proxy of proxies) {
    const key = mesh.serviceOf.get(proxy.spiffeId);
    const service = key === undefined ? undefined : mesh.services.get(key);
    if (service === undefined || !proxy.ready) continue;
    const { cell } = service;
    for (const { name, inbound, applicationState } of portsOf(proxy)) {
      const id = service.ports.find(({ port }) => port === name)?.id;
      if (id === undefined || inbound === undefined) continue;
      const endpoints = ports.get(id) ?? new Map<string, EndpointIr>();
      ports.set(id, endpoints);
      const at = `${inbound.address} ${inbound.port}`;
      if (applicationState?.answers === false) dead.set(id, (dead.get(id) ?? new Set()).add(at));
      endpoints.set(at, {
        ...inbound,
        ...(cell === undefined ? {} : { cell: cell.name }),
        ...(cell?.region === undefined ? {} : { region: cell.region }),
      });
    }
  }
  // If no application answers, callers keep all of them: an empty set would be an outage that outlives its cause.
  for (const [id, gone] of dead) {
    const endpoints = ports.get(id);
    if (endpoints !== undefined && gone.size < endpoints.size) for (const at of gone) endpoints.delete(at);
  }
  const sorted = [...ports].map(([id, endpoints]): [PortKey, readonly EndpointIr[]] => [
    id,
    // Sorted, so that the order in which proxies connect does not change any bytes.
    [...endpoints.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint),
  ]);
  return new Map(sorted);
}
