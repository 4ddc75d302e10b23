// An application that only calls, in a process of its own, and its sidecar.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Call } from '../services/protocol.ts';
import type { Cellwall } from './cellwall.ts';
import { addressesOf, type ControlPlanes } from './control-planes.ts';
import type { Child, Processes } from './processes.ts';

export interface WorkerPlan {
  readonly service: string;
  /** What it calls, again and again. */
  readonly call: Call;
  /** How long it goes on after SIGTERM. */
  readonly finishMs: number;
}

export interface Worker {
  readonly sidecar: Child;
  readonly application: Child;
}

export interface WorkerDeps {
  readonly processes: Processes;
  readonly cellwall: Cellwall;
  readonly controlPlanes: ControlPlanes;
  readonly folder: string;
}

const main = fileURLToPath(new URL('../services/worker.ts', import.meta.url));

export async function startWorker(
  { service, call, finishMs }: WorkerPlan,
  { processes, cellwall, controlPlanes, folder }: WorkerDeps,
): Promise<Worker> {
  const [{ admin }] = controlPlanes;
  const addresses = addressesOf(controlPlanes);
  const { token } = await admin.createToken({ service });
  const data = join(folder, 'sidecar');
  const args = [
    ...['sidecar', '--service', service, '--data', data, '--drain-seconds', '5'],
    ...['--identity-address', addresses.identity, '--xds-address', addresses.xds],
  ];
  const sidecar = cellwall.start(args, {
    name: `sidecar of ${service}`,
    logFile: join(folder, 'sidecar.log'),
    env: { CELLWALL_TOKEN: token },
    sidecarFolder: data,
  });
  const application = processes.start({
    name: service,
    command: process.execPath,
    args: [main, JSON.stringify(call), String(finishMs)],
    logFile: join(folder, 'application.log'),
    ipc: true,
  });
  return { sidecar, application };
}
