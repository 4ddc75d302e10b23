// How long each turn of this process's event loop takes: whoever waits for an answer waits for that.

export interface Turns {
  /** The longest turn since it was asked last, milliseconds, and how many took over 10 ms. */
  longest(): { readonly ms: number; readonly over10Ms: number };
  stop(): void;
}

/** It keeps the loop turning. */
export function watchTurns(): Turns {
  let [last, ms, over10Ms, running] = [performance.now(), 0, 0, true];
  const turn = (): void => {
    const now = performance.now();
    const took = now - last;
    last = now;
    ms = Math.max(ms, took);
    if (took > 10) over10Ms += 1;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  return {
    longest() {
      const found = { ms, over10Ms };
      [ms, over10Ms] = [0, 0];
      return found;
    },
    stop() {
      running = false;
    },
  };
}
