// Thirty sidecars at once, then the memory of the control plane with thirty-two proxies and of the helper beside each Envoy.

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Item } from '../item.ts';
import { memoryOf } from '../support/memory.ts';
import { startMesh } from '../support/mesh.ts';
import { installPacked, pack } from '../support/packed.ts';

const atOnce = 30;
const proxies = 32;
const allServeSeconds = 8;
const controlPlaneMiB = 140;
const helperMiB = 75;

export const fleet: Item = {
  name: 'fleet',
  line:
    `${atOnce} sidecars started at once all serve; memory of the control plane with ${proxies} proxies, and of the ` +
    'helper beside each Envoy',
  bound: `all serve < ${allServeSeconds} s, control plane ≤ ${controlPlaneMiB} MiB, helper < ${helperMiB} MiB`,
  async run(context) {
    const { root, work, progress } = context;
    const cellwall = await installPacked(await pack(root, work), join(work, 'installed'));
    const services = Array.from({ length: proxies }, (_, index) => `service-${index + 1}`);
    const mesh = await startMesh(context, { cellwall, services });
    // Tokens are made one after the other before the clock runs; starting is what is measured.
    const prepared = await Promise.all(services.map((service) => mesh.prepare(service)));
    const started = performance.now();
    const first = prepared.slice(0, atOnce).map((spawn) => spawn());
    const times = await Promise.all(first.map((sidecar) => sidecar.firstCall(60_000)));
    const allServeS = Math.round((performance.now() - started) / 10) / 100;
    progress(`all ${atOnce} serve after ${allServeS} s; the first after ${Math.round(Math.min(...times))} ms`);
    const rest = prepared.slice(atOnce).map((spawn) => spawn());
    await Promise.all(rest.map((sidecar) => sidecar.firstCall(20_000)));
    // Not at the peak of the start, and not after a restart: what it holds while they live.
    await delay(5000);
    const control = memoryOf(mesh.controlPlane.pid);
    const helpers = [...first, ...rest].map((sidecar) => memoryOf(sidecar.process.pid).rssMiB);
    const helperMaxRssMiB = Math.max(...helpers);
    return {
      ok:
        allServeS < allServeSeconds &&
        control.pssMiB <= controlPlaneMiB &&
        control.rssMiB <= controlPlaneMiB &&
        helperMaxRssMiB < helperMiB,
      figures: {
        allServeS,
        proxies,
        controlPlaneRssMiB: control.rssMiB,
        controlPlanePssMiB: control.pssMiB,
        helperMaxRssMiB,
      },
    };
  },
};
