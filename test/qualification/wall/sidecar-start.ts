// From a sidecar's start to its first served mTLS call, one at a time, from the installed package.
import { join } from 'node:path';
import type { Item } from '../item.ts';
import { startMesh } from '../support/mesh.ts';
import { installPacked, pack } from '../support/packed.ts';
import { median, quantile } from '../support/quantile.ts';

const runs = 50;
const medianBound = 700;
const p99Bound = 1200;

export const sidecarStart: Item = {
  name: 'sidecar-start',
  line: "from a sidecar's start (process, attestation, Envoy) to its first served mTLS call",
  bound: `median < ${medianBound} ms, p99 < ${p99Bound} ms over ${runs}`,
  async run(context) {
    const { root, work, progress } = context;
    const cellwall = await installPacked(await pack(root, work), join(work, 'installed'));
    const mesh = await startMesh(context, { cellwall, services: ['api'] });
    const times: number[] = [];
    for (let i = 1; i <= runs; i += 1) {
      const spawn = await mesh.prepare('api');
      const sidecar = spawn();
      times.push(Math.round(await sidecar.firstCall(20_000)));
      await sidecar.process.stop();
      if (i % 10 === 0) progress(`${i} of ${runs}: median so far ${median(times)} ms`);
    }
    const [medianMs, p99Ms] = [median(times), quantile(times, 0.99)];
    const figures = { runs, medianMs, p99Ms, minMs: Math.min(...times), maxMs: Math.max(...times) };
    return { ok: medianMs < medianBound && p99Ms < p99Bound, figures };
  },
};
