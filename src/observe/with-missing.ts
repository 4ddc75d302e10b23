// Adds to a proxy's gaps what its counters had in addition to its log. An ongoing one is a single gap: a log that fails all day does not
// displace the others. Pure.
import type { MissingInLog } from '../lib/missing-in-log.ts';
import type { StoredGap } from './stored-node.ts';

/** `from` and `to` are epoch milliseconds. An unfinished gap stays last. */
export function withMissing(
  gaps: readonly StoredGap[],
  from: number,
  to: number,
  missing: MissingInLog,
): readonly StoredGap[] {
  const last = gaps.findLastIndex(([, , before]) => before?.what === missing.what);
  const [start, end, before] = gaps[last] ?? [];
  if (start !== undefined && end !== undefined && end !== null && before !== undefined && from <= end) {
    const { what, counted, told } = missing;
    const sum = { what, counted: before.counted + counted, told: before.told + told };
    return gaps.with(last, [Math.min(start, from), Math.max(end, to), sum]);
  }
  const open = gaps.at(-1)?.[1] === null ? gaps.slice(-1) : [];
  return [...gaps.slice(0, gaps.length - open.length), [from, to, missing], ...open];
}
