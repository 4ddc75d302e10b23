// Hands events to watchers one at a time, in order, in the same turn. A watcher that throws disturbs neither store nor others.
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { StoreEvent } from './store.ts';

export interface Watchers {
  /** Called within an event, it delivers after that one. */
  emit(event: StoreEvent): void;
  watch(listener: (event: StoreEvent) => void): () => void;
  clear(): void;
}

export function createWatchers(log: Log): Watchers {
  const listeners = new Set<{ readonly listener: (event: StoreEvent) => void }>();
  const queue: StoreEvent[] = [];
  let emitting = false;
  return {
    emit(event) {
      queue.push(event);
      if (emitting) return;
      emitting = true;
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        for (const { listener } of [...listeners]) {
          try {
            listener(next);
          } catch (reason) {
            log.error({ error: CellwallError.from(reason).message }, 'a store watcher failed');
          }
        }
      }
      emitting = false;
    },
    watch(listener) {
      const entry = { listener };
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    clear: () => listeners.clear(),
  };
}
