// Whether the application behind each proxy answers, as its helper reports. Down counts at once; up again counts later each time that it
// goes down within some minutes, so that a flapping one does not cause a push to all its callers every second.
import type { Clock } from '../lib/clock.ts';

export interface ApplicationState {
  readonly answers: boolean;
  /** Why not, in a word. */
  readonly why?: string;
  /** Addresses at which something listens on its port. Absent: not reported. */
  readonly on?: readonly string[];
  /** Addresses beyond loopback on which it is open. */
  readonly around: readonly string[];
}

/** A proxy, and the port of its service that the application is for. */
export interface PortOfNode {
  readonly node: string;
  readonly port: string;
}

export interface ApplicationHealth {
  /** `run`: which run of the proxy it is about; in another run the state is unknown again. */
  report(of: PortOfNode, run: string, state: ApplicationState): void;
  /** What another replica decided. False if nothing changes. */
  adopt(of: PortOfNode, run: string, state: ApplicationState): boolean;
  /** Undefined: nothing was reported. The same object while it is the same state. */
  of(of: PortOfNode, run: string | undefined): ApplicationState | undefined;
  /** Everything about other proxies is forgotten; only checked now and then, because there are many. */
  keepOnly(isKnown: (node: string) => boolean): void;
}

interface Known {
  readonly node: string;
  readonly run: string;
  readonly state: ApplicationState;
  /** When it went down, monotonic. */
  readonly falls: readonly number[];
  /** It answers, but does not count as up yet. */
  readonly rising?: () => void;
}

const rememberMs = 300_000;
const longestMs = 60_000;

/** `onChange` is called when what `of` returns has changed. */
export function createApplicationHealth(clock: Clock, onChange: (of: PortOfNode) => void): ApplicationHealth {
  const known = new Map<string, Known>();
  let prunedAt = clock.monotonic();

  // Neither has a space.
  const keyOf = ({ node, port }: PortOfNode): string => `${node} ${port}`;

  function set(of: PortOfNode, next: Known): void {
    const before = known.get(keyOf(of));
    const same = JSON.stringify(before?.state) === JSON.stringify(next.state);
    // The same object as long as it says the same: others look only for that.
    known.set(keyOf(of), same && before !== undefined ? { ...next, state: before.state } : next);
    if (!same) onChange(of);
  }

  return {
    report(of, run, state) {
      const { node } = of;
      const given = known.get(keyOf(of));
      const before = given?.run === run ? given : undefined;
      const now = clock.monotonic();
      const falls = (before?.falls ?? []).filter((at) => at > now - rememberMs);
      const waitMs = falls.length < 2 ? 0 : Math.min(longestMs, 5000 * 2 ** (falls.length - 2));
      if (before?.state.answers === false && state.answers && waitMs > 0) {
        if (before.rising !== undefined) return;
        const rising = clock.after(waitMs, () => set(of, { node, run, state, falls }));
        known.set(keyOf(of), { ...before, falls, rising });
        return;
      }
      given?.rising?.();
      const fell = !state.answers && (before === undefined || before.state.answers || before.rising !== undefined);
      set(of, { node, run, state, falls: fell ? [...falls, now] : falls });
    },
    adopt(of, run, state) {
      const given = known.get(keyOf(of));
      if (given?.run === run && JSON.stringify(given.state) === JSON.stringify(state)) return false;
      given?.rising?.();
      known.set(keyOf(of), { node: of.node, run, state, falls: given?.run === run ? given.falls : [] });
      return true;
    },
    of(of, run) {
      const found = known.get(keyOf(of));
      return found !== undefined && found.run === run ? found.state : undefined;
    },
    keepOnly(isKnown) {
      if (clock.monotonic() - prunedAt < rememberMs) return;
      prunedAt = clock.monotonic();
      for (const [key, { node, rising }] of known) {
        if (isKnown(node)) continue;
        rising?.();
        known.delete(key);
      }
    },
  };
}
