// The map, and what is wrong with which edge, live.
import { useMemo } from 'preact/hooks';
import type { MapAnswer } from '../../../src/admin/wire-map.ts';
import type { TroublesAnswer } from '../../../src/admin/wire-troubles.ts';
import { marksOf, useLive } from '../api/context.ts';
import { type Query, useQuery } from '../api/use-query.ts';
import { type Mesh, meshOf } from './merge.ts';

const everyMs = 4000;

/** Without what is wrong, as long as that is not known. */
export function useMesh(): Query<Mesh> {
  const { pulse } = useLive();
  const options = { mark: marksOf(pulse?.marks), everyMs };
  const map = useQuery<MapAnswer>('/v1/map', options);
  const troubles = useQuery<TroublesAnswer>('/v1/troubles', options);
  const answer = map.kind === 'ready' ? map.value : undefined;
  const found = troubles.kind === 'ready' ? troubles.value : undefined;
  const mesh = useMemo(() => (answer === undefined ? undefined : meshOf(answer, found)), [answer, found]);
  if (map.kind !== 'ready') return map;
  return mesh === undefined ? { kind: 'loading' } : { ...map, value: mesh };
}
