// The signals that end a sidecar: the first drains, a second one ends it now. SIGHUP is a terminal that closes; SIGQUIT (Ctrl-\)
// does not wait.

export interface StopSignals {
  /** Aborted when it is to end gracefully. */
  readonly drain: AbortSignal;
  /** Aborted when it is to end now. */
  readonly now: AbortSignal;
  /** Hands the signals back. */
  close(): void;
}

const names = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/** npx and npm run hand a Ctrl-C on that the terminal has already sent: what comes so soon is the same wish. */
const sameWishMs = 500;

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
