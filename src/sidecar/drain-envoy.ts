// Asks an Envoy to drain and waits until nobody is connected, for as long as that may take.
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { AdminAddress } from './bootstrap.ts';
import { createEnvoyAdmin } from './envoy-admin.ts';
import { pause } from './pause.ts';

export interface DrainOptions {
  /** Undefined: it does not listen yet, and nobody is connected. */
  readonly admin: AdminAddress | undefined;
  /** Longest wait; 0 is none at all. */
  readonly ms: number;
  /** Whether Envoy is still there. */
  readonly running: () => boolean;
  /** Ends the wait. */
  readonly now: AbortSignal;
  readonly log: Log;
}

/** Peers learn that it drains before an idle proxy ends. */
const settleMs = 500;

/** Never throws: an Envoy that does not answer is ended without. */
export async function drainEnvoy({ admin, ms, running, now, log }: DrainOptions): Promise<void> {
  if (admin === undefined || ms === 0) return;
  const calls = createEnvoyAdmin(admin);
  const end = performance.now() + ms;
  const waiting = (): boolean => running() && !now.aborted && performance.now() < end;
  try {
    await calls.drain();
    await pause(Math.min(settleMs, ms), now);
    while (waiting() && (await calls.connections()) > 0) await pause(100, now);
  } catch (reason) {
    log.debug({ reason: CellwallError.from(reason).message }, 'ending Envoy without a drain');
  }
}
