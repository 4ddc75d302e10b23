// Adds to an explanation how far the target's proxies are: a decision of documents is in effect once they have been accepted.

import type { Explanation } from '../admin/wire.ts';
import { wireRejected } from '../admin/wire-place.ts';
import type { Control } from '../control/control.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import { typeUrls } from '../xds/resources/type-url.ts';

type Enforcing = Pick<Control, 'proxies' | 'revision' | 'published'>;

export function withEnforcement(answer: Explanation, control: Enforcing): Explanation {
  const revision = control.revision();
  // No rule was consulted.
  if (revision === undefined || answer.stage === 'own-sidecar') return answer;
  const behind = (control.published() ?? 0) < revision;
  const byState = { accepted: [] as string[], pending: [] as string[], rejected: [] as string[] };
  const rejections: Rejection[] = [];
  for (const proxy of control.proxies()) {
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
  const filters = types.find(({ typeUrl }) => typeUrl === typeUrls.extension);
  if (filters?.nack !== undefined) return 'rejected';
  if (behind || filters?.ackedRevision === undefined) return 'pending';
  return filters.ackedRevision >= (filters.sentRevision ?? 0) ? 'accepted' : 'pending';
}
