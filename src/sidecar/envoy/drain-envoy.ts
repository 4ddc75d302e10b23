// Asks an Envoy to drain and waits until nobody is connected, up to a limit.
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { pause } from '../pause.ts';
import type { AdminAddress } from './bootstrap.ts';
import { createEnvoyAdmin } from './envoy-admin.ts';

export interface DrainOptions {
  /** Undefined: it does not listen yet, and nobody is connected. */
  readonly admin: AdminAddress | undefined;
  /** Longest wait; 0 means none at all. */
  readonly ms: number;
  /** Whether Envoy is still running. */
  readonly running: () => boolean;
  /** Whether the application is still there: as long as it is, Envoy stays for it. Absent: not considered. */
  readonly application?: () => Promise<boolean>;
  /** Ends the wait. */
  readonly now: AbortSignal;
  readonly log: Log;
}

/**
 * How long nobody must be connected, and nobody connect, before it ends: peers learn that it drains, and regular callers are waited for.
 */
const quietMs = 1000;

/** Never throws: an Envoy that does not answer is ended without a drain. */
export async function drainEnvoy({ admin, ms, running, application, now, log }: DrainOptions): Promise<void> {
  if (admin === undefined || ms === 0) return;
  const calls = createEnvoyAdmin(admin);
  const end = performance.now() + ms;
  const waiting = (): boolean => running() && !now.aborted && performance.now() < end;
  try {
    await calls.drain();
    let { ever } = await calls.connections();
    for (let busyAt = performance.now(); waiting() && performance.now() - busyAt < quietMs; ) {
      await pause(100, now);
      const seen = await calls.connections();
      if (seen.open > 0 || seen.ever > ever || (await application?.()) === true) busyAt = performance.now();
      ever = seen.ever;
    }
  } catch (reason) {
    log.debug({ reason: CellwallError.from(reason).message }, 'ending Envoy without a drain');
  }
}
