// For each port that others depend on, these others: its proxies have a chain for each. Pure.
import type { MeshIr, PortKey, ServiceIr } from './ir.ts';

export type CallerIr = Pick<ServiceIr, 'key' | 'spiffeId'>;

/** By port; ports that nobody depends on are absent. Callers are in the order of `services`. */
export function callersOf(services: Iterable<Pick<ServiceIr, 'key' | 'spiffeId' | 'dependsOn'>>): MeshIr['callers'] {
  const callers = new Map<PortKey, CallerIr[]>();
  for (const { key, spiffeId, dependsOn } of services) {
    for (const { port } of dependsOn) {
      const list = callers.get(port);
      if (list === undefined) callers.set(port, [{ key, spiffeId }]);
      else list.push({ key, spiffeId });
    }
  }
  return callers;
}
