import { expect, test } from 'vitest';
import type { Explanation } from '../../src/admin/wire.ts';
import { withEnforcement } from '../../src/admin/with-enforcement.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import type { ProxyStatus, TypeStatus } from '../../src/registry/proxy-status.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';

const answer = { decision: 'denied', target: 'api' } as unknown as Explanation;
const proxy = (node: string, filters: Partial<TypeStatus>, more: Partial<ProxyStatus> = {}): ProxyStatus => ({
  node,
  spiffeId: 'spiffe://td1/service/api' as SpiffeId,
  service: 'api' as ServiceKey,
  state: 'connected',
  since: 0,
  ready: true,
  types: [{ typeUrl: typeUrls.extension, ...filters }],
  ...more,
});

test('which of the connected proxies of the target accepted what they were sent', () => {
  const proxies = [
    proxy('accepted', { sentRevision: 7, ackedRevision: 7 }),
    proxy('unchanged since', { sentRevision: 3, ackedRevision: 3 }),
    proxy('asked', { sentRevision: 7, ackedRevision: 6 }),
    proxy('new', {}),
    proxy('rejected', { sentRevision: 7, ackedRevision: 6, nack: { revision: 7, message: 'no', resources: [] } }),
    proxy('held', {}, { state: 'held' }),
    proxy('another', {}, { service: 'web' as ServiceKey }),
  ];
  const control = { proxies, revision: () => 7, published: () => 7 };
  expect(withEnforcement(answer, control).enforced).toEqual({
    revision: 7,
    accepted: ['accepted', 'unchanged since'],
    pending: ['asked', 'new'],
    rejected: ['rejected'],
    rejections: [{ node: 'rejected', message: 'no', resources: [] }],
  });
  const behind = withEnforcement(answer, { ...control, published: () => 6 }).enforced;
  expect([behind?.accepted, behind?.pending.length]).toEqual([[], 4]);
});
