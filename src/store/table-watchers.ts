// Who watches a table, for stores of one process: each listener is called on its own, after the write; a bad one harms no other.
import type { Json, TableChange } from '../lib/table.ts';

export interface TableWatchers {
  watch(listener: (change: TableChange) => void): () => void;
  tell(key: string, value: Json | undefined): void;
}

/** `onError`: of a listener that threw. */
export function createTableWatchers(onError: (reason: unknown) => void = () => {}): TableWatchers {
  const listeners = new Set<(change: TableChange) => void>();
  return {
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(key, value) {
      for (const listener of [...listeners]) {
        queueMicrotask(() => {
          if (!listeners.has(listener)) return;
          try {
            listener({ key, value });
          } catch (reason) {
            onError(reason);
          }
        });
      }
    },
  };
}
