// Adds to an explanation how far the target's proxies are: a decision of documents is in effect once they have been accepted.

import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { Explanation } from './wire.ts';
import { wireRejected } from './wire-place.ts';

/** What is known of how far the proxies are. */
export interface Enforcing {
  /** All, with what each has accepted. */
  readonly proxies: readonly ProxyStatus[];
  /** Of the documents in force. */
  revision(): number | undefined;
  /** The last one that the proxies' snapshots were made from. */
  published(): number | undefined;
}

/** Adds `enforced`: which proxies of the target have accepted what was decided by. Without a revision in force the answer as it is. */
export function withEnforcement(answer: Explanation, control: Enforcing): Explanation {
  const revision = control.revision();
  // No rule was consulted.
  if (revision === undefined || answer.stage === 'own-sidecar') return answer;
  const behind = (control.published() ?? 0) < revision;
  const byState = { accepted: [] as string[], pending: [] as string[], rejected: [] as string[] };
  const rejections: Rejection[] = [];
  for (const proxy of control.proxies) {
    if (proxy.service !== answer.target || proxy.state !== 'connected') continue;
    byState[stateOf(proxy, behind)].push(proxy.node);
    rejections.push(...rejectionsOf(proxy));
  }
  return {
    ...answer,
    enforced: { revision, ...byState, ...(rejections.length === 0 ? {} : { rejections }) },
  };
}

type Rejection = NonNullable<NonNullable<Explanation['enforced']>['rejections']>[number];

function rejectionsOf({ node, types }: ProxyStatus): readonly Rejection[] {
  return types.flatMap(({ nack }) =>
    nack === undefined ? [] : [{ node, message: nack.message, resources: wireRejected(nack.resources) }],
  );
}

/** What did not change between revisions is not sent again: an earlier accepted one is just as good. */
function stateOf({ types }: ProxyStatus, behind: boolean): 'accepted' | 'pending' | 'rejected' {
  const filters = types.find(({ typeUrl }) => typeUrl.endsWith('.TypedExtensionConfig'));
  if (filters?.nack !== undefined) return 'rejected';
  if (behind || filters?.ackedRevision === undefined) return 'pending';
  return filters.ackedRevision >= (filters.sentRevision ?? 0) ? 'accepted' : 'pending';
}
