// An explanation with how far the target's proxies are: a decision of documents holds where they have been accepted.
import type { Explanation } from '../admin/wire.ts';
import type { Control } from '../control/control.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import { typeUrls } from '../xds/resources/type-url.ts';

type Enforcing = Pick<Control, 'proxies' | 'revision' | 'published'>;

export function withEnforcement(answer: Explanation, control: Enforcing): Explanation {
  const revision = control.revision();
  // No rule was asked.
  if (revision === undefined || answer.stage === 'own-sidecar') return answer;
  const behind = (control.published() ?? 0) < revision;
  const byState = { accepted: [] as string[], pending: [] as string[], rejected: [] as string[] };
  for (const proxy of control.proxies()) {
    if (proxy.service !== answer.target || proxy.state !== 'connected') continue;
    byState[stateOf(proxy, behind)].push(proxy.node);
  }
  return { ...answer, enforced: { revision, ...byState } };
}

/** What did not change between revisions is not sent again: an old one that was accepted is as good. */
function stateOf({ types }: ProxyStatus, behind: boolean): 'accepted' | 'pending' | 'rejected' {
  const filters = types.find(({ typeUrl }) => typeUrl === typeUrls.extension);
  if (filters?.nack !== undefined) return 'rejected';
  if (behind || filters?.ackedRevision === undefined) return 'pending';
  return filters.ackedRevision >= (filters.sentRevision ?? 0) ? 'accepted' : 'pending';
}
