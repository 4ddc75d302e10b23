// A queue of recurring work: what has been due the longest comes first. There is one lane for each interval, which is always in order, so
// that nothing is searched, however many are waiting.

export interface DueQueue<T> {
  /** Due `afterMs` after `at`, which never decreases from call to call. Replaces what had that key. */
  add(key: string, value: T, at: number, afterMs: number): void;
  remove(key: string): void;
  /** Removes and returns what has been due the longest; undefined if nothing is. */
  take(now: number): T | undefined;
}

interface Waiting<T> {
  readonly value: T;
  readonly dueAt: number;
}

/** Times are the caller's; the number of different intervals must be small. */
export function createDueQueue<T>(): DueQueue<T> {
  /** By interval; few. A Map iterates in insertion order. */
  const lanes = new Map<number, Map<string, Waiting<T>>>();
  const remove = (key: string): void => {
    for (const lane of lanes.values()) lane.delete(key);
  };
  return {
    add(key, value, at, afterMs) {
      remove(key);
      const lane = lanes.get(afterMs) ?? new Map<string, Waiting<T>>();
      lanes.set(afterMs, lane.set(key, { value, dueAt: at + afterMs }));
    },
    remove,
    take(now) {
      const heads = [...lanes.values()].flatMap((lane) => {
        const [head] = lane;
        return head === undefined ? [] : [head];
      });
      const [first] = heads.sort(([, a], [, b]) => a.dueAt - b.dueAt);
      if (first === undefined || first[1].dueAt > now) return undefined;
      remove(first[0]);
      return first[1].value;
    },
  };
}
