// The map with what is wrong.
import { expect, it } from 'vitest';
import { edgeId, meshOf } from '../../page/src/troubles/merge.ts';
import type { MapAnswer, MapEdge } from '../../src/admin/wire-map.ts';
import type { Trouble } from '../../src/admin/wire-troubles.ts';

const edge = (from: string, state: MapEdge['state'], recent = true): MapEdge => ({
  ...{
    from,
    to: 'api',
    declared: true,
    state,
    recent,
    allowed: 1,
    failed: 0,
    denied: 0,
    unproven: 0,
    wouldBeDenied: 0,
  },
});
const trouble = (from: string, to = 'api'): Trouble => ({ from, to, verdict: 'broken', findings: [] });
const api: MapAnswer['services'][number] = {
  ...{ service: 'api', name: 'api', spiffeId: 'spiffe://td1/service/api', mtls: 'strict', ports: [], policies: [] },
  source: { file: 'a.yaml', line: 1, column: 1 },
  proxies: { connected: 0, held: 0, gone: 0, rejecting: 0, silent: 0 },
};
const map: MapAnswer = {
  ...{ revision: 1, recentMs: 900_000, services: [api] },
  edges: [edge('a', 'unseen', false), edge('b', 'refused'), edge('c', 'allowed')],
};

function states(edges: readonly Trouble[]): Record<string, string> {
  const mesh = meshOf(map, { at: 0, edges, asked: edges.length });
  return Object.fromEntries(mesh.map.edges.map((one) => [one.from, one.state]));
}

it('an edge that cannot work is failing, also if nobody tried; one that is refused stays so', () => {
  expect(states([])).toEqual({ a: 'unseen', b: 'refused', c: 'allowed' });
  expect(states([trouble('a'), trouble('b'), trouble('c')])).toEqual({ a: 'failing', b: 'refused', c: 'failing' });
});

it('callers that never came as far as a call are edges, of services that are there', () => {
  expect(states([trouble('plaintext'), trouble('plaintext', 'gone')])).toMatchObject({ plaintext: 'refused' });
  const { troubles } = meshOf(map, { at: 0, edges: [trouble('plaintext')], asked: 1 });
  expect(troubles.get(edgeId({ from: 'plaintext', to: 'api' }))?.verdict).toBe('broken');
});

it('without an answer, it is the map as it is', () => {
  expect(meshOf(map, undefined)).toMatchObject({ map, omitted: 0 });
});
