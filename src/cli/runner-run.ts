// `cellwall runner serve`: until it is told to stop.
import { CellwallError } from '../lib/errors.ts';
import { createJobUsers } from '../sidecar/runner/job-users.ts';
import { runRunner } from '../sidecar/runner/run-runner.ts';
import { createStopSignals } from '../sidecar/stop-signals.ts';
import type { FetchSvidOptions } from '../sidecar/svid/svid-fetch.ts';
import type { StoredSvid } from '../sidecar/svid/svid-files.ts';
import type { ServeRunnerOptions } from './run.ts';

export async function serveRunner(
  { runDir, separation }: Pick<ServeRunnerOptions, 'runDir' | 'separation'>,
  fetching: FetchSvidOptions,
  started: (svid: StoredSvid) => void,
): Promise<0> {
  if (separation.kind === 'users' && process.geteuid?.() !== 0) {
    throw new CellwallError('failed_precondition', 'only root may give jobs users of their own', {
      hint: 'run it as root, or jobs in containers (--containers)',
    });
  }
  const apart =
    separation.kind === 'users' ? ({ kind: 'users', users: createJobUsers(separation) } as const) : separation;
  const stopping = createStopSignals();
  const signal = stopping.drain;
  try {
    await runRunner({ ...fetching, runDir, separation: apart, signal, started });
    return 0;
  } catch (reason) {
    if (signal.aborted) return 0;
    throw reason;
  } finally {
    stopping.close();
  }
}
