// Which named ports of services have proxies in front of them now. Pure.
import { defaultPort } from '../lib/port-name.ts';
import type { Coverage } from '../observe/coverage.ts';
import type { MeshIr, PortKey } from '../policy/ir.ts';
import { portOf } from '../policy/ports.ts';
import { inboundsOf, portsOf } from '../registry/ports.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';

/** What the record is told after everything was published: its coverage is per port. */
export function followPorts(
  coverage: Pick<Coverage, 'serves'>,
  proxies: () => readonly RegisteredProxy[],
): (mesh: MeshIr) => void {
  return (mesh) => coverage.serves(servedPorts(mesh, proxies()), (key) => portOf(mesh, key) !== undefined);
}

function servedPorts(mesh: MeshIr, proxies: readonly RegisteredProxy[]): ReadonlySet<PortKey> {
  const served = new Set<PortKey>();
  for (const proxy of proxies) {
    const key = mesh.serviceOf.get(proxy.spiffeId);
    const service = key === undefined ? undefined : mesh.services.get(key);
    if (service === undefined || !proxy.ready || inboundsOf(proxy).length === 0) continue;
    for (const { name, inbound } of portsOf(proxy)) {
      const id = service.ports.find(({ port }) => port === name)?.id;
      if (id !== undefined && inbound !== undefined && name !== defaultPort) served.add(id);
    }
  }
  return served;
}
