// The signals that end a sidecar: the first drains, a second one ends it immediately. SIGHUP means a closing terminal; SIGQUIT (Ctrl-\)
// does not wait.

export interface StopSignals {
  /** Aborted when it should end gracefully. */
  readonly drain: AbortSignal;
  /** Aborted when it should end immediately. */
  readonly now: AbortSignal;
  /** Removes the signal handlers. */
  close(): void;
}

const names = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/** npx and npm run forward a Ctrl-C that the terminal has already sent: a second signal within this time counts as the same one. */
const sameWishMs = 500;

/** A second signal within half a second counts as the same one. */
export function createStopSignals(): StopSignals {
  const drain = new AbortController();
  const now = new AbortController();
  let first: number | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    const at = performance.now();
    const again = first !== undefined && at - first > sameWishMs;
    first ??= at;
    drain.abort();
    if (again || name === 'SIGQUIT') now.abort();
  };
  for (const name of names) process.on(name, onSignal);
  return {
    drain: drain.signal,
    now: now.signal,
    close() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
