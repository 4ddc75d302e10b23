// The map with what is wrong: an edge whose calls cannot succeed is shown so, whether or not somebody has tried. Pure.
import type { MapAnswer, MapEdge } from '../../../src/admin/wire-map.ts';
import type { Trouble, TroublesAnswer } from '../../../src/admin/wire-troubles.ts';

export interface Mesh {
  readonly map: MapAnswer;
  /** By `edgeId`. */
  readonly troubles: ReadonlyMap<string, Trouble>;
  /** How many more edges there was reason to look into. */
  readonly omitted: number;
}

export function edgeId({ from, to, port = '' }: Pick<MapEdge, 'from' | 'to' | 'port'>): string {
  return `${from}\n${to}\n${port}`;
}

export function meshOf(map: MapAnswer, found: TroublesAnswer | undefined): Mesh {
  const { omitted = 0, edges: wrong = [] } = found ?? {};
  const troubles = new Map(wrong.map((trouble) => [edgeId(trouble), trouble]));
  if (troubles.size === 0) return { map, troubles, omitted };
  const left = new Map(troubles);
  const edges = map.edges.map((edge): MapEdge => {
    const trouble = left.get(edgeId(edge));
    if (trouble === undefined) return edge;
    left.delete(edgeId(edge));
    return edge.recent && edge.state === 'refused' ? edge : { ...edge, state: 'failing', recent: true };
  });
  const names = new Set(map.services.map(({ service }) => service));
  // Callers that were refused before anything was a call.
  const more = [...left.values()].filter(({ to }) => names.has(to)).map(refusedEdge);
  return { map: { ...map, edges: [...edges, ...more] }, troubles, omitted };
}

function refusedEdge({ from, to, port }: Trouble): MapEdge {
  return {
    ...{ from, to, declared: false, state: 'refused', recent: true },
    ...{ allowed: 0, failed: 0, denied: 0, unproven: 0, wouldBeDenied: 0 },
    ...(port === undefined ? {} : { port }),
  };
}
