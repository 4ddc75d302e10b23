// Something that happens repeatedly, and those who listen to it. Whoever reports it need not know them, so that parts that need each other
// can be created one after the other: the listener is added once both exist.

export interface Event<T> {
  /** Calls everybody who listens now, in the same turn. A listener must not throw. */
  readonly tell: (what: T) => void;
  /** Called with everything from now on. The returned function unsubscribes. */
  readonly listen: (listener: (what: T) => void) => () => void;
}

/** Keeps nothing: a later listener is not told about earlier events. */
export function createEvent<T>(): Event<T> {
  // Each an entry of its own: one function may listen twice.
  const listeners = new Set<{ readonly listener: (what: T) => void }>();
  return {
    tell(what) {
      for (const { listener } of [...listeners]) listener(what);
    },
    listen(listener) {
      const entry = { listener };
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
  };
}
