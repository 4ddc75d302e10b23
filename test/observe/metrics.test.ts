// The metrics' names and labels, as dashboards know them.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createMetrics, namedMetrics } from '../../src/observe/metrics.ts';
import { createTraffic } from '../../src/observe/traffic.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';

describe('metrics', () => {
  it('count what they are told, by short type', async () => {
    const metrics = createMetrics({ process: false });
    metrics.setStreams(3);
    metrics.pushed('type.googleapis.com/envoy.config.cluster.v3.Cluster');
    metrics.pushed('type.googleapis.com/envoy.config.cluster.v3.Cluster');
    metrics.nacked('type.googleapis.com/envoy.config.listener.v3.Listener');
    metrics.setRevision(12);
    metrics.setProblems(2);
    metrics.svidIssued();
    metrics.applied(7);
    const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines).toEqual(
      expect.arrayContaining([
        'cellwall_streams 3',
        'cellwall_pushes_total{type="Cluster"} 2',
        'cellwall_nacks_total{type="Listener"} 1',
        'cellwall_snapshot_revision 12',
        'cellwall_document_problems 2',
        'cellwall_svids_issued_total 1',
        'cellwall_apply_seconds_bucket{le="0.005"} 0',
        'cellwall_apply_seconds_bucket{le="0.01"} 1',
        'cellwall_apply_seconds_count 1',
      ]),
    );
  });

  it('have every series with a known label from the start, at 0: what an alert watches for has an increase', async () => {
    const text = await createMetrics({ process: false }).text();
    for (const url of Object.values(typeUrls)) {
      const type = url.slice(url.lastIndexOf('.') + 1);
      expect(text).toContain(`\ncellwall_nacks_total{type="${type}"} 0\n`);
      expect(text).toContain(`\ncellwall_pushes_total{type="${type}"} 0\n`);
    }
    expect(text).toContain('\ncellwall_svids_refused_total{code="permission_denied"} 0\n');
    expect(text).toContain('\ncellwall_changes_held_total{reason="mass-deletion"} 0\n');
  });

  it('name proxies that have not accepted what they were sent: those that wait longest, a hundred at most', async () => {
    const metrics = createMetrics({ process: false });
    const behind = (node: string, behindSince: number) => ({
      node,
      state: 'connected' as const,
      types: [{ behindSince }],
    });
    const many = Array.from({ length: 150 }, (_, index) => behind(`n${index}`, index * 100));
    const proxies = [
      ...many,
      behind('fast', 95_000),
      { node: 'held', state: 'held' as const, types: [{ behindSince: 0 }], certificate: { notAfter: 0 } },
      { node: 'ended', state: 'connected' as const, types: [], certificate: { notAfter: 40_000 } },
      { node: 'fine', state: 'connected' as const, types: [], certificate: { notAfter: 400_000 } },
      { node: 'rejects', state: 'connected' as const, types: [{ nack: {} }] },
    ];
    let connected: typeof proxies | [] = [];
    metrics.watchProxies(
      () => connected,
      () => 100_000,
    );
    const expiry = '\ncellwall_proxy_certificate_expires_in_seconds ';
    expect(await metrics.text()).not.toContain(expiry);
    connected = proxies;
    const text = await metrics.text();
    expect(text).toContain(`${expiry}-60\n`);
    expect(text).toContain('cellwall_proxies{state="connected"} 154\n');
    expect(text).toContain('cellwall_proxies{state="held"} 1\n');
    expect(text).toContain('cellwall_proxies_rejecting 1\n');
    const ages = [...text.matchAll(/^cellwall_proxy_config_age_seconds\{proxy="(.*)"\} (.*)$/gm)];
    expect(ages).toHaveLength(100);
    expect(ages[0]?.slice(1)).toEqual(['n0', '100']);
    expect(ages.map(([, name]) => name)).not.toContain('fast');
    expect(ages.map(([, name]) => name)).not.toContain('held');
  });

  it('name nobody to whoever may not know, and are the same otherwise', async () => {
    const metrics = createMetrics({ process: false });
    const traffic = metrics.countEdges(createTraffic({ clock: systemClock }));
    const principal = 'spiffe://td1/service/web';
    traffic.record({ service: 'api', caller: 'mtls', decision: 'allowed', principal });
    const late = { node: `${principal}~1`, state: 'connected' as const, types: [{ behindSince: 0 }] };
    metrics.watchProxies(
      () => [late],
      () => 100_000,
    );
    const [all, open] = [await metrics.text(), await metrics.text(false)];
    expect([all.includes(principal), open.includes('spiffe:')]).toEqual([true, false]);
    const blocks = (text: string) => text.trim().split('\n\n');
    const isNamed = (block: string) => [...namedMetrics].some((name) => block.includes(`# TYPE ${name} `));
    expect(blocks(open)).toEqual(blocks(all).filter((block) => !isNamed(block)));
    expect(blocks(all).filter(isNamed)).toHaveLength(namedMetrics.size);
  });

  it('count calls by edge, and those of endless callers together; what is restored is not counted', async () => {
    const metrics = createMetrics({ process: false });
    const traffic = metrics.countEdges(createTraffic({ clock: systemClock }));
    const call = { service: 'api', caller: 'mtls', decision: 'allowed' } as const;
    traffic.record({ ...call, principal: 'spiffe://td1/service/web' }, 3);
    traffic.record({ ...call, principal: 'spiffe://td1/service/web' });
    traffic.record({ ...call, caller: 'plaintext', decision: 'failed' });
    for (let job = 0; job < 3000; job += 1) traffic.record({ ...call, principal: `spiffe://td1/ci/${job}` });
    traffic.restore(
      [...traffic.calls(0)].map((one) => ({ ...one, days: [] })),
      new Map(),
    );
    const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('cellwall_edge_calls_total{'));
    const edge = (source: string, decision = 'allowed') =>
      `cellwall_edge_calls_total{source="${source}",destination="api",decision="${decision}"}`;
    expect(lines).toContain(`${edge('spiffe://td1/service/web')} 4`);
    expect(lines).toContain(`${edge('plaintext', 'failed')} 1`);
    expect(lines).toContain(`${edge('other')} 2602`);
    expect(lines).toHaveLength(401);
    expect(traffic.counts().length).toBeGreaterThan(2000);
  });

  it('count the calls of every service, whatever callers the proxy of another one invents', async () => {
    const metrics = createMetrics({ process: false });
    const traffic = metrics.countEdges(createTraffic({ clock: systemClock }));
    const from = (service: string, caller: string): void =>
      traffic.record({ service, caller: 'mtls', decision: 'allowed', principal: `spiffe://td1/${caller}` });
    for (let at = 0; at < 3000; at += 1) from('liar', `invented/${at}`);
    from('api', 'service/web');
    expect(await metrics.text()).toContain(
      'cellwall_edge_calls_total{source="spiffe://td1/service/web",destination="api",decision="allowed"} 1\n',
    );
  });

  it('of two control planes in one process are apart, and hold the process', async () => {
    const [one, two] = [createMetrics(), createMetrics()];
    one.setStreams(1);
    expect(await two.text()).toContain('cellwall_streams 0');
    expect(await two.text()).toContain('process_resident_memory_bytes');
  });
});
