// What the admin API says of each proxy, its own and those of other replicas.

import { defined } from '../lib/defined.ts';
import type { ProxyStatus, TypeStatus } from '../registry/proxy-status.ts';
import type { AdminDeps } from './deps.ts';
import { createProxiesEverywhere } from './everywhere.ts';
import { createLastCertificates } from './last-certificates.ts';
import { wireRejected } from './wire-place.ts';
import type { ProxyRow } from './wire-proxies.ts';

/** What logs were missing. */
const shownMs = 86_400_000;

type Deps = Pick<AdminDeps, 'proxies' | 'certificates' | 'record' | 'clock' | 'crossChecked' | 'others'>;

/** To be made once: other replicas ask it. */
export function createProxyRows({
  proxies,
  certificates,
  record,
  clock,
  crossChecked = () => undefined,
  others,
}: Deps): () => Promise<readonly ProxyRow[]> {
  const missingOf = ({ node, service }: ProxyStatus) =>
    service === undefined
      ? []
      : record
          .coverage(service, clock.now() - shownMs)
          .gaps.flatMap((gap) =>
            gap.node !== node || gap.missing === undefined || gap.to === undefined
              ? []
              : [{ from: gap.from, to: gap.to, ...gap.missing }],
          );
  const rowOf = (proxy: ProxyStatus): ProxyRow => {
    const checked = crossChecked(proxy.node);
    const missing = missingOf(proxy);
    return {
      ...proxy,
      types: proxy.types.map(wireType),
      ...defined({ crossChecked: checked }),
      ...(missing.length === 0 ? {} : { missing }),
    };
  };
  const withLast = createLastCertificates(certificates, clock);
  return createProxiesEverywhere(others, async () => (await withLast(proxies())).map(rowOf));
}

function wireType({ nack, ...type }: TypeStatus) {
  return nack === undefined ? type : { ...type, nack: { ...nack, resources: wireRejected(nack.resources) } };
}
