// A value that changes, and those who are told of it: nobody asks twice. What is told is always the whole value.

export interface Watchable<T> {
  value(): T;
  /** Told of every change from now on, not of the value as it is. The answer ends that. A listener must not throw. */
  watch(listener: (value: T) => void): () => void;
}

/** A watchable, and the way to change it, which its owner keeps. */
export interface Watched<T> extends Watchable<T> {
  /** Tells everybody, in the same turn, unless it is the very value that it was. */
  set(value: T): void;
}

export function createWatched<T>(first: T): Watched<T> {
  // Each an entry of its own: one function may listen twice.
  const listeners = new Set<{ readonly listener: (value: T) => void }>();
  let current = first;
  return {
    value: () => current,
    watch(listener) {
      const entry = { listener };
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const { listener } of [...listeners]) {
        // Set again by a listener: those that are left were told of the newer value, and are not told of the older one after it.
        if (!Object.is(current, value)) return;
        listener(value);
      }
    },
  };
}
