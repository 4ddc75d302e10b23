// A value that changes, and its listeners: nobody has to poll. Listeners always get the whole value.

export interface Watchable<T> {
  value(): T;
  /** Called with every change from now on, not with the current value. The returned function ends that. A listener must not throw. */
  watch(listener: (value: T) => void): () => void;
}

/** A watchable, and the function that changes it, which its owner keeps. */
export interface Watched<T> extends Watchable<T> {
  /** Notifies all listeners in the same turn, unless it is the same value as before. */
  set(value: T): void;
}

export function createWatched<T>(first: T): Watched<T> {
  // Each has its own entry: one function may listen twice.
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
        // Set again by a listener: the remaining ones already got the newer value, and do not get the older one after it.
        if (!Object.is(current, value)) return;
        listener(value);
      }
    },
  };
}
