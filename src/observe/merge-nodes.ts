// What several replicas know of the times in which one proxy reported: it is missing only what none of them has. Pure.
import type { StoredGap, StoredNode } from './stored-node.ts';

type Span = readonly [from: number, to: number];
const ever = Number.POSITIVE_INFINITY;

/** One at least. Gaps with a reason of their own stay: what a replica was not told, no other was. */
export function mergeNodes(all: readonly [StoredNode, ...StoredNode[]]): StoredNode {
  const [first, ...rest] = all;
  if (rest.length === 0) return first;
  const since = Math.min(...all.map((one) => one.since));
  const missing = all.flatMap(({ gaps }) => gaps.filter(([, , why]) => why !== undefined));
  const unseen = rest.reduce((left, one) => overlap(left, unseenBy(one)), unseenBy(first));
  const gone = all.map(({ goneAt }) => goneAt);
  const isGone = gone.every((at) => at !== undefined);
  const goneAt = Math.max(...gone.map((at) => at ?? 0));
  const newest = all.reduce((a, b) => (b.since > a.since ? b : a));
  const silent = unseen.flatMap(([from, to]): StoredGap[] => {
    const begin = Math.max(from, since);
    if (to <= begin || (isGone && begin >= goneAt)) return [];
    return [[begin, to === ever ? null : to]];
  });
  const gaps = [...missing, ...silent].toSorted(([a, aTo], [b, bTo]) => (aTo ?? ever) - (bTo ?? ever) || a - b);
  // Another replica may have been told then; which times those were is not known any more.
  const forgotUntil = Math.max(0, ...all.map((one) => one.forgotUntil ?? 0));
  return {
    ...{ service: newest.service, since, gaps },
    ...(isGone ? { goneAt } : {}),
    ...(forgotUntil > 0 ? { forgotUntil } : {}),
  };
}

/** In order. */
function unseenBy({ since, goneAt, gaps }: StoredNode): readonly Span[] {
  const own = gaps.flatMap(([from, to, why]): Span[] => (why === undefined ? [[from, to ?? ever]] : []));
  const spans: Span[] = [
    [Number.NEGATIVE_INFINITY, since],
    ...own,
    ...(goneAt === undefined ? [] : [[goneAt, ever] as const]),
  ];
  return spans.toSorted(([a], [b]) => a - b);
}

function overlap(a: readonly Span[], b: readonly Span[]): readonly Span[] {
  const found = a.flatMap(([from, to]) =>
    b.flatMap(([other, end]): Span[] => {
      const [begin, last] = [Math.max(from, other), Math.min(to, end)];
      return begin < last ? [[begin, last]] : [];
    }),
  );
  const joined: Span[] = [];
  for (const span of found.toSorted(([x], [y]) => x - y)) {
    const before = joined.at(-1);
    if (before === undefined || span[0] > before[1]) joined.push(span);
    else joined[joined.length - 1] = [before[0], Math.max(before[1], span[1])];
  }
  return joined;
}
