// What only one of several replicas does at a time: the one that holds a lease of a table. Whoever was paused for longer than the lease
// learns of it before it does anything else, and what it writes under the lease is refused where it is written.
import type { Clock } from './clock.ts';
import { CellwallError } from './errors.ts';
import type { Log } from './log.ts';
import type { Fence, Table } from './table.ts';

export interface Singleton {
  /** Undefined: another one does it, or nobody can be asked. */
  fence(): Fence | undefined;
  /** Ends it here, and lets another one begin. */
  stop(): Promise<void>;
}

export interface SingletonDeps {
  readonly table: Pick<Table, 'acquire' | 'renew' | 'release'>;
  readonly lease: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long nobody does it after the one that did died, milliseconds. Default 15 s. */
  readonly ttlMs?: number;
  /** Called when it is this one's turn; what is returned ends it. */
  readonly begin: (fence: Fence) => () => void;
}

/** Begins at once, if nobody else has. */
export function createSingleton({ table, lease, clock, log, ttlMs = 15_000, begin }: SingletonDeps): Singleton {
  let held: { readonly fence: Fence; readonly end: () => void } | undefined;
  /** Monotonic: until then it is certainly held. */
  let until = 0;
  let stopped = false;
  let cancel = (): void => {};
  const lose = (): void => {
    held?.end();
    held = undefined;
  };
  const look = async (): Promise<void> => {
    const asked = clock.monotonic();
    if (held !== undefined && asked >= until) lose();
    if (held !== undefined) {
      if (await table.renew(held.fence, ttlMs)) until = asked + ttlMs;
      else lose();
      return;
    }
    const fence = await table.acquire(lease, ttlMs);
    if (fence === undefined) return;
    if (stopped) return table.release(fence);
    until = asked + ttlMs;
    log.info({ lease }, 'this control plane does it from now on');
    held = { fence, end: begin(fence) };
  };
  const again = (): void => {
    look()
      .catch((reason: unknown) => log.debug({ lease, reason: CellwallError.from(reason).message }, 'no lease'))
      .finally(() => {
        if (!stopped) cancel = clock.after(ttlMs / 3, again);
      });
  };
  again();
  return {
    fence: () => (clock.monotonic() < until ? held?.fence : undefined),
    async stop() {
      stopped = true;
      cancel();
      const fence = held?.fence;
      lose();
      if (fence !== undefined) await table.release(fence).catch(() => {});
    },
  };
}
