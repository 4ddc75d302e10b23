// Something that happens again and again, and those who are told of it. Who tells it need not know them, so that parts that need one
// another can be made one after the other: the listener is added once both are there.

export interface Event<T> {
  /** Tells everybody who listens now, in the same turn. A listener must not throw. */
  readonly tell: (what: T) => void;
  /** Told of everything from now on. The answer ends that. */
  readonly listen: (listener: (what: T) => void) => () => void;
}

/** Nothing is kept: who listens later is not told what was before. */
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
