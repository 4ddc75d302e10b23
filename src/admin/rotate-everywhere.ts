// New certificates at all replicas, whichever of them is asked: each renews those of the proxies whose streams it has.
import { defined } from '../lib/defined.ts';
import { parseSpiffeId, type SpiffeId } from '../model/spiffe-id.ts';
import type { OtherReplicas } from './everywhere.ts';
import type { RotateAnswer } from './wire-identity.ts';

/** Thousands of proxies may be at one of them. */
const patienceMs = 15_000;

/** `own`: renews here; those of one identity, or all. Resolves with how many. */
export function createRotateEverywhere(
  others: OtherReplicas | undefined,
  own: (spiffeId?: SpiffeId) => Promise<number>,
): (spiffeId?: SpiffeId) => Promise<RotateAnswer> {
  if (others === undefined) return async (spiffeId) => ({ rotated: await own(spiffeId) });
  others.answer('rotate', async (question) => {
    if (question === null) return [await own()];
    const spiffeId = parseSpiffeId(String(question));
    return [spiffeId === undefined ? 0 : await own(spiffeId)];
  });
  return async (spiffeId) => {
    const [here, told] = await Promise.all([own(spiffeId), others.ask('rotate', spiffeId ?? null, patienceMs)]);
    const silent = others.list().flatMap(({ id, alive }) => (!alive || id === others.id || told.has(id) ? [] : [id]));
    const there = [...told.values()].map(([count]) => (typeof count === 'number' ? count : 0));
    return {
      rotated: there.reduce((sum, count) => sum + count, here),
      ...defined({ silent: silent.length === 0 ? undefined : silent }),
    };
  };
}
