// `--store redis`: for several replicas.
import { CellwallError } from '../../lib/errors.ts';
import type { DirectReview } from '../judges.ts';
import { connectionOptions, readConnection } from '../redis/connection.ts';
import { createRedisStore } from '../redis.ts';
import type { StoreKind } from '../store-kind.ts';

export const redisStore: StoreKind = {
  alsoChangedBy: 'replicas',
  options: {
    ...connectionOptions,
    'direct-edits': {
      description:
        'documents that somebody writes there directly: check (the default: what lets in more or cuts off callers waits for ' +
        'approval), wait (all that is valid waits) or allow (all that is valid comes into force)',
    },
  },
  async open({ options, sealKey, review, ...settings }) {
    const how = options['direct-edits']?.reveal() ?? 'check';
    return createRedisStore({
      ...{ ...settings, ...readConnection(options), sealKey: sealKey() },
      ...{ review: reviewAs(how, review) },
    });
  },
};

const nobody = (): (() => void) => () => {};

function reviewAs(how: string, review: DirectReview | undefined): DirectReview {
  const waits = { bound: ['every direct edit waits (--store-option direct-edits)'], more: [] };
  switch (how) {
    case 'check':
      return review ?? { reasons: () => waits, watch: nobody };
    case 'wait':
      return { reasons: () => waits, watch: nobody };
    case 'allow':
      return { reasons: () => ({ bound: [], more: [] }), watch: nobody };
    default:
      throw new CellwallError('invalid_argument', `direct-edits: "${how}" is none of check, wait, allow`);
  }
}
