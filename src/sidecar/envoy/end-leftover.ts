// Ends an Envoy that a killed helper left behind. It continues to take calls while it drains, so that the gap is only the time from its end
// to the next one's start.
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { pause } from '../pause.ts';
import { cutAfterSeconds } from './cut-after.ts';
import { drainEnvoy } from './drain-envoy.ts';
import type { LeftoverEnvoy } from './envoy-record.ts';

export interface EndLeftoverOptions {
  readonly drainMs: number;
  /** Ends it at once. */
  readonly now: AbortSignal;
  readonly log: Log;
}

/** Envoy's listeners close that long into a drain: anything that takes longer would cost calls. */
const longestDrainMs = cutAfterSeconds * 750;
const killAfterMs = 5000;

/** Throws `failed_precondition` if it does not end, even by SIGKILL. */
export async function endLeftover(envoy: LeftoverEnvoy, { drainMs, now, log }: EndLeftoverOptions): Promise<void> {
  const { pid, admin, running } = envoy;
  log.warn({ pid }, 'the Envoy of a helper that was killed still runs: draining and ending it');
  await drainEnvoy({ admin, ms: Math.min(drainMs, longestDrainMs), running, now, log });
  if ((await ended(envoy, 'SIGTERM')) || (await ended(envoy, 'SIGKILL'))) {
    log.info({ pid }, 'that Envoy has ended');
    return;
  }
  throw new CellwallError('failed_precondition', `Envoy, pid ${pid}, of a helper that was killed does not end`, {
    hint: `end it: kill -9 ${pid}`,
  });
}

async function ended(envoy: LeftoverEnvoy, signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
  try {
    envoy.kill(signal);
  } catch (cause) {
    throw new CellwallError('failed_precondition', `cannot end Envoy, pid ${envoy.pid}, of a helper that was killed`, {
      hint: 'does it run as another user? run the sidecar as that one, or end it by hand',
      cause,
    });
  }
  const end = performance.now() + killAfterMs;
  while (envoy.running()) {
    if (performance.now() > end) return false;
    await pause(2);
  }
  return true;
}
