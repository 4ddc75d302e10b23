// Which callers share a filter chain if there are more of them than chains: neighbours by hash. One caller more or less changes at most
// three chains of others; with `hash % count`, say, one caller too many would move everybody, and so cut everybody.
import { createHash } from 'node:crypto';
import type { SpiffeId } from '../../model/spiffe-id.ts';

/** Groups, at most `limit`; with no more callers than that, each alone. The same for the same callers, in whatever order they are given. */
export function shareChains(callers: readonly SpiffeId[], limit: number): readonly (readonly SpiffeId[])[] {
  if (callers.length <= limit) return callers.map((caller) => [caller]);
  const placed = callers
    .map((caller) => ({ caller, place: placeOf(caller) }))
    .sort((a, b) => a.place - b.place || (a.caller < b.caller ? -1 : 1));
  // A border is where a group begins; the widest gaps have one.
  const borders = placed
    .map(({ place }, index) => ({ index, gap: place - (placed[index - 1]?.place ?? Number.NEGATIVE_INFINITY) }))
    .sort((a, b) => b.gap - a.gap || a.index - b.index)
    .slice(0, limit)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
  return borders.map((from, at) => placed.slice(from, borders[at + 1]).map(({ caller }) => caller));
}

/** 48 bits of the hash. */
function placeOf(caller: SpiffeId): number {
  return createHash('sha256').update(caller).digest().readUIntBE(0, 6);
}
