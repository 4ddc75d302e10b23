// How far proxies are behind, as Prometheus sees it and as `status` says it: names are few, counts are of all.
import { expect, it } from 'vitest';
import { attention } from '../../src/cli/output/format-attention.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import type { ProxyFigures } from '../../src/observe/proxy-metrics.ts';

const at = 10_000_000;
const behind = (node: string, seconds: number): ProxyFigures => ({
  ...{ node, state: 'connected' },
  types: [{}, { behindSince: at - seconds * 1000 }],
});

it('counts all that are behind, by how long; the longest is there without a name; a scrape asks once', async () => {
  const metrics = createMetrics({ process: false });
  let asked = 0;
  let proxies: readonly ProxyFigures[] = [
    ...Array.from({ length: 200 }, (_, index) => behind(`n${index}`, 5 + index)),
    behind('worst', 700),
    { node: 'current', state: 'connected', types: [{}] },
    { node: 'held', state: 'held', types: [{ behindSince: 0 }] },
    { node: 'not sent', state: 'connected', types: [], withheld: 'it would be dangerous' },
  ];
  metrics.watchProxies(
    () => {
      asked += 1;
      return proxies;
    },
    () => at,
  );
  const text = await metrics.text();
  expect(asked).toBe(1);
  expect(text).toContain('cellwall_proxy_config_age_max_seconds 700\n');
  for (const [age, count] of [
    ['10s', 196],
    ['1m', 146],
    ['10m', 1],
  ]) {
    expect(text).toContain(`cellwall_proxies_behind{age="${age}"} ${count}\n`);
  }
  expect(text).toContain('cellwall_proxies_withheld 1\n');
  expect([...text.matchAll(/^cellwall_proxy_config_age_seconds\{/gm)]).toHaveLength(100);
  // All have caught up.
  proxies = [{ node: 'current', state: 'connected', types: [{}] }];
  const after = await metrics.text();
  expect(after).toContain('cellwall_proxy_config_age_max_seconds 0\n');
  expect(after).toContain('cellwall_proxies_behind{age="10s"} 0\n');
});

it('tells lags of both kinds from the start, so that the first one is an increase', async () => {
  const metrics = createMetrics({ process: false });
  for (const by of ['files', 'replica']) {
    expect(await metrics.text()).toContain(`cellwall_store_lag_seconds_count{by="${by}"} 0\n`);
  }
  metrics.arrived('replica', 12_000);
  const text = await metrics.text();
  expect(text).toContain('cellwall_store_lag_seconds_bucket{le="10",by="replica"} 0\n');
  expect(text).toContain('cellwall_store_lag_seconds_bucket{le="+Inf",by="replica"} 1\n');
});

it('names in status those that do not answer, not those that answered with a rejection', () => {
  const proxy = (ago: number, nack = false) => ({
    ...{ node: 'spiffe://td1/service/api~1', spiffeId: 'spiffe://td1/service/api', state: 'connected', since: 0 },
    ready: true,
    types: [
      {
        typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
        behindSince: at - ago,
        ...(nack && { nack: { revision: 1, message: 'no', resources: [] } }),
      },
    ],
  });
  const said = (one: ReturnType<typeof proxy>): string => attention({ ...one, state: 'connected' }, at).join('\n');
  expect(said(proxy(42_000))).toContain('has not accepted Cluster, which it was sent 42s ago');
  expect(said(proxy(9000))).toBe('');
  expect(said(proxy(42_000, true))).not.toContain('has not accepted');
});
