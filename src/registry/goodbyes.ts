// Runs of proxies that said goodbye. A draining run may connect again, and any of its streams may reconnect after a restart of the control
// plane: none of them makes it an endpoint again, but the next run does.
import type { Clock } from '../lib/clock.ts';

export interface Goodbyes {
  remember(node: string, run: string): void;
  /** Whether this run of the proxy said goodbye. */
  has(node: string, run: string | undefined): boolean;
}

/** Longer than a drain. */
const rememberMs = 3_600_000;
const maxRemembered = 10_000;

/** `onForgotten`: nothing about the node is remembered any more. */
export function createGoodbyes(clock: Clock, onForgotten: (node: string) => void): Goodbyes {
  const runs = new Map<string, { readonly run: string; readonly cancel: () => void }>();
  const forget = (node: string): void => {
    runs.get(node)?.cancel();
    if (runs.delete(node)) onForgotten(node);
  };
  return {
    remember(node, run) {
      runs.get(node)?.cancel();
      runs.delete(node);
      runs.set(node, { run, cancel: clock.after(rememberMs, () => forget(node)) });
      const [oldest] = runs.keys();
      if (runs.size > maxRemembered && oldest !== undefined) forget(oldest);
    },
    has: (node, run) => run !== undefined && runs.get(node)?.run === run,
  };
}
