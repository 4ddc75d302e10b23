// One task after another: applies and reloads of a store never interleave.

/** A task that fails does not stop the next one. */
export interface Serial {
  run<T>(task: () => Promise<T>): Promise<T>;
  /** Settles when all tasks given so far have. */
  idle(): Promise<void>;
}

export function createSerial(): Serial {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(task) {
      const result = last.then(task);
      last = result.catch(() => {});
      return result;
    },
    async idle() {
      await last;
    },
  };
}
