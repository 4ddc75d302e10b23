// Of several control planes with one CA, the one that renews its intermediates: it holds a lease of the table where they are.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { createSingleton } from '../lib/singleton.ts';
import type { Fence, Table } from '../lib/table.ts';

export interface CaTurn {
  fence(): Fence | undefined;
  watch(listener: () => void): () => void;
  stop(): Promise<void>;
}

export function createCaTurn(table: Table, clock: Clock, log: Log): CaTurn {
  const listeners = new Set<() => void>();
  // When whoever is told asks, the turn has begun, or ended.
  const tell = (): void =>
    queueMicrotask(() => {
      for (const listener of [...listeners]) listener();
    });
  const begin = (): (() => void) => {
    tell();
    return tell;
  };
  const one = createSingleton({ table, lease: 'renewal', clock, log, begin });
  return {
    fence: one.fence,
    watch(listener) {
      const own = (): void => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    stop: one.stop,
  };
}
