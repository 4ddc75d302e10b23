// Endpoints of a dependency as one cell sees them: its own cell first, then its region, then the rest. Without a viewing cell, all are
// equal. Always present for a known cluster, even without endpoints: Envoy would wait for it.
import { create } from '@bufbuild/protobuf';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '#gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { CellIr, EndpointIr, MeshIr, PortIr } from '../../policy/ir.ts';
import { assignmentName } from '../names.ts';
import type { LiveEndpoints } from '../proxy.ts';
import { address } from '../wire/address.ts';

/** The cell that looks at the endpoints, if that makes a difference to the target's. */
export function viewerCellOf(target: PortIr, viewer: CellIr | undefined): CellIr | undefined {
  return target.sameCellFirst && target.endpoints.kind !== 'dns' ? viewer : undefined;
}

/** Priority 0 are the nearest endpoints that there are. `viewer`: the cell of the proxies that get it. */
export function loadAssignment(
  mesh: MeshIr,
  live: LiveEndpoints,
  target: PortIr,
  viewer: CellIr | undefined,
): ClusterLoadAssignment {
  const groups = new Map<string, Locality>();
  for (const endpoint of endpointsOf(target, live)) {
    const cell = endpoint.cell ?? '';
    const region = endpoint.region ?? mesh.cells.get(cell)?.region ?? '';
    // Neither contains a NUL.
    const key = `${region}\0${cell}`;
    const group = groups.get(key) ?? { region, cell, distance: distance(viewer, region, cell), endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpoint);
  }
  const localities = [...groups.values()].sort(byDistanceThenName);
  // Envoy refuses priorities with a gap.
  const distances = [...new Set(localities.map((locality) => locality.distance))];
  return create(ClusterLoadAssignmentSchema, {
    clusterName: assignmentName(target.id, viewer?.name),
    endpoints: localities.map((locality) => ({
      locality: { region: locality.region, zone: locality.cell },
      priority: distances.indexOf(locality.distance),
      lbEndpoints: locality.endpoints.sort(byAddress).map((endpoint) => ({
        hostIdentifier: { case: 'endpoint' as const, value: { address: address(endpoint.address, endpoint.port) } },
      })),
    })),
  });
}

interface Locality {
  readonly region: string;
  readonly cell: string;
  readonly distance: number;
  readonly endpoints: EndpointIr[];
}

function endpointsOf({ id, endpoints }: PortIr, live: LiveEndpoints): readonly EndpointIr[] {
  switch (endpoints.kind) {
    case 'sidecars':
      return distinct(live.get(id) ?? []);
    case 'static':
      return distinct(endpoints.endpoints);
    case 'dns':
      return [];
    default:
      return endpoints satisfies never;
  }
}

/** Two sidecars cannot be at one address; a document may name it twice. */
function distinct(endpoints: readonly EndpointIr[]): EndpointIr[] {
  return [...new Map(endpoints.map((endpoint) => [`${endpoint.address} ${endpoint.port}`, endpoint])).values()];
}

function distance(viewer: CellIr | undefined, region: string, cell: string): number {
  if (viewer === undefined || cell === viewer.name) return 0;
  return viewer.region !== undefined && region === viewer.region ? 1 : 2;
}

function byDistanceThenName(a: Locality, b: Locality): number {
  return a.distance - b.distance || compare(a.region, b.region) || compare(a.cell, b.cell);
}

function byAddress(a: EndpointIr, b: EndpointIr): number {
  return compare(a.address, b.address) || a.port - b.port;
}

/** By code unit, the same on every system. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
