// What the system tells a command that shows something for long: to end (Ctrl-C, a closed terminal), to stand still (Ctrl-Z) and to go on.

export interface Signals {
  /** Aborts when it is to end, or nobody reads its output any more. */
  readonly stop: AbortSignal;
  /** `before` it stands still; `after` it goes on. Returns what ends that. */
  suspends(before: () => void, after: () => void): () => void;
}

/** The parts of `process` that are used. */
export interface SignalledProcess {
  once(event: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown;
  on(event: 'SIGTSTP' | 'SIGCONT', listener: () => void): unknown;
  off(event: 'SIGTSTP' | 'SIGCONT', listener: () => void): unknown;
  kill(pid: number, signal: 'SIGSTOP'): unknown;
  readonly pid: number;
  readonly stdout: { on(event: 'error', listener: () => void): unknown };
}

export function listenToSignals(own: SignalledProcess): Signals {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  // A second Ctrl-C ends it at once.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) own.once(name, end);
  own.stdout.on('error', end);
  return {
    stop: stop.signal,
    suspends(before, after) {
      const sleep = (): void => {
        before();
        own.kill(own.pid, 'SIGSTOP');
      };
      own.on('SIGTSTP', sleep);
      own.on('SIGCONT', after);
      return () => {
        own.off('SIGTSTP', sleep);
        own.off('SIGCONT', after);
      };
    },
  };
}
