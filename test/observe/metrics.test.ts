// The metrics' names and labels, as dashboards know them.
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/observe/metrics.ts';

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

  it('of two control planes in one process are apart, and hold the process', async () => {
    const [one, two] = [createMetrics(), createMetrics()];
    one.setStreams(1);
    expect(await two.text()).toContain('cellwall_streams 0');
    expect(await two.text()).toContain('process_resident_memory_bytes');
  });
});
