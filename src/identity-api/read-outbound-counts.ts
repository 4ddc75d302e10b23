// Parses what a helper reports about calls to its dependencies, which is hostile.

import { defined } from '../lib/defined.ts';
import type { AllOutboundCounts, OutboundCounts } from '../lib/outbound-counts.ts';
import { classNumbers } from '../lib/outbound-counts.ts';
import { recordOf } from './read-body.ts';

const [maxTargets, maxGroups, maxTook] = [128, 32, 128];

/** Throws `invalid_argument`, by `wrong`. */
export function readOutboundCounts(value: unknown, wrong: (name: string) => Error): AllOutboundCounts {
  const entries = Object.entries(recordOf(value));
  if (entries.length > maxTargets) throw wrong('outbound');
  const countOf = (count: unknown): number => {
    if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count;
    throw wrong('outbound');
  };
  return Object.fromEntries(
    entries.map(([target, given]): [string, OutboundCounts] => {
      if (!/^[a-z0-9/:-]{1,192}$/.test(target)) throw wrong('outbound');
      const { classes, connections, received, sent, groups, took } = recordOf(given);
      if (!Array.isArray(classes) || classes.length !== classNumbers.length) throw wrong('outbound');
      const byGroup = Object.entries(recordOf(groups));
      if (byGroup.length > maxGroups || byGroup.some(([name]) => !/^[A-Za-z0-9_-]{1,40}$/.test(name))) {
        throw wrong('outbound');
      }
      return [
        target,
        {
          ...{ classes: classes.map(countOf), connections: countOf(connections) },
          ...{ received: countOf(received), sent: countOf(sent) },
          groups: Object.fromEntries(byGroup.map(([name, count]) => [name, countOf(count)])),
          ...defined({ took: took === undefined ? undefined : tookOf(took, countOf, wrong) }),
        },
      ];
    }),
  );
}

function tookOf(
  value: unknown,
  countOf: (count: unknown) => number,
  wrong: (name: string) => Error,
): readonly number[] {
  if (!Array.isArray(value) || value.length > maxTook || value.length % 2 !== 0) throw wrong('outbound');
  return value.map((one: unknown, at) => {
    if (at % 2 === 1) return countOf(one);
    if (typeof one === 'number' && Number.isFinite(one) && one >= 0) return one;
    throw wrong('outbound');
  });
}
