// The process of the load, seen from the demo.
import { fileURLToPath } from 'node:url';
import type { LaneCounts, LoadCommand, LoadPlan, LoadReport } from '../load/plan.ts';
import type { TlsMaterial } from '../wire/tls.ts';
import type { Processes } from './processes.ts';
import { until } from './until.ts';

export interface LoadProcess {
  start(plan: LoadPlan): void;
  /** The latest report, at most 50 ms old. */
  counts(): readonly LaneCounts[];
  renew(materials: readonly TlsMaterial[]): void;
  /** Resolves when all that was under way has ended. */
  stop(): Promise<readonly LaneCounts[]>;
}

const main = fileURLToPath(new URL('../load/main.ts', import.meta.url));

export function createLoadProcess(processes: Processes, logFile: string): LoadProcess {
  const child = processes.start({ name: 'load', command: process.execPath, args: [main], logFile, ipc: true });
  let latest: readonly LaneCounts[] = [];
  let stopped: readonly LaneCounts[] | undefined;
  child.process.on('message', ({ kind, lanes }: LoadReport) => {
    latest = lanes;
    if (kind === 'stopped') stopped = lanes;
  });
  const send = (command: LoadCommand): void => {
    child.process.send(command);
  };
  return {
    start(plan) {
      latest = [];
      send({ kind: 'start', plan });
    },
    counts() {
      if (!child.running()) throw new Error('the process of the load has ended');
      return latest;
    },
    renew: (materials) => send({ kind: 'renew', materials }),
    async stop() {
      stopped = undefined;
      send({ kind: 'stop' });
      return until(() => stopped, { what: 'the load ends what is under way', withinMs: 15_000 });
    },
  };
}
