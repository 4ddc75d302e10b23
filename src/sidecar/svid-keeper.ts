// Keeps an SVID on disk fresh: at half life with jitter, with backoff while the control plane is away. The old one stays in
// force until the new one is there.
import { renewalDelay, resumedDelay, retryDelay } from '../identity/rotation.ts';
import { CellwallError } from '../lib/errors.ts';
import { isTransient, type ObtainSvidDeps, obtainSvid } from './obtain-svid.ts';
import type { StoredSvid } from './svid-files.ts';

export interface SvidKeeper {
  current(): StoredSvid;
  close(): void;
}

export interface SvidKeeperOptions extends ObtainSvidDeps {
  readonly random?: () => number;
  /** Told of every new SVID after the first. */
  readonly onRenewed?: (svid: StoredSvid) => void;
  /** Gives up waiting for the first SVID. */
  readonly signal?: AbortSignal;
}

/** Starts with the SVID on disk if it is still valid, else waits for the control plane to give one. */
export async function createSvidKeeper(options: SvidKeeperOptions): Promise<SvidKeeper> {
  const { files, clock, log, random = Math.random, onRenewed = () => {}, signal } = options;
  let svid = files.read();
  const resumed = svid !== undefined && svid.notAfter.getTime() > clock.now();
  if (svid === undefined || !resumed) svid = await first();
  let latest = svid;
  let failures = 0;
  let closed = false;
  let cancel = (): void => {};
  // What was read from disk may be past its half life: it is used at once, and renewed soon.
  plan(resumed ? resumedDelay(latest, clock.now(), random()) : renewalDelay(latest, clock.now(), random()));

  async function first(): Promise<StoredSvid> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await obtainSvid(options);
      } catch (reason) {
        const error = CellwallError.from(reason);
        if (!isTransient(error) || signal?.aborted === true) throw error;
        log.warn({ attempt, reason: error.message }, 'waiting for the control plane');
        // A start waits for seconds, not minutes.
        await pause(Math.min(1000, retryDelay(attempt, random()) / 5));
      }
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      }
      signal?.addEventListener('abort', done);
    });
  }

  function plan(ms: number): void {
    if (closed) return;
    cancel = clock.after(ms, () => {
      void renew();
    });
  }

  async function renew(): Promise<void> {
    try {
      latest = await obtainSvid(options);
      onRenewed(latest);
      failures = 0;
      plan(renewalDelay(latest, clock.now(), random()));
    } catch (reason) {
      failures += 1;
      log.warn({ failures, reason: CellwallError.from(reason).message }, 'cannot renew the SVID yet');
      plan(retryDelay(failures, random()));
    }
  }

  return {
    current: () => latest,
    close() {
      closed = true;
      cancel();
    },
  };
}
