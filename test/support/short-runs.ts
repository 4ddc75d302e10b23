// The commands that run for long, or do much, as if they had: each has an answer at once.
import type { CliRun } from '../../src/cli/run.ts';

const at = { host: '127.0.0.1', port: 1 };

export const shortRuns: Omit<CliRun, 'keepSvid'> = {
  async serve(_options, started) {
    started({ xds: at, identity: at, admin: at, services: 0, adminTokenFile: '/t' });
    return 0;
  },
  sidecar: async () => 0,
  fetchSvid: async () => ({ spiffeId: 'spiffe://td1/service/web', notAfter: 0, files: [] }),
  exchangeSvid: async () => ({ spiffeId: 'spiffe://td1/ci/42', notAfter: 0, files: [] }),
  async serveRunner(_options, started) {
    started({ spiffeId: 'spiffe://td1/runner/5', notAfter: 0, files: [] });
    return 0;
  },
  openJob: async () => ({
    user: 200_000,
    socket: { path: '/run/cellwall-runner/7/api.sock' },
    spiffeId: 'spiffe://td1/ci/42',
  }),
  closeJob: async () => true,
  bootstrap: async () => ({ node: {} }),
  moveStore: async () => ({ revision: 1, documents: 2, entries: 3, audit: 0 }),
  inspect: async () => ({ problems: [], asked: 0 }),
};
