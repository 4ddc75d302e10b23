// Whether this replica alone has lost the store. It hears nothing of it for longer than a bound, asks the others directly, at the addresses
// that they told while it still heard them, and one says that it has heard the store all that time. Then proxies are better off there: this
// one takes no new streams until it hears the store again. If nobody says so, the store is away for all, or nothing is known of the others:
// then it goes on as before, so that an outage of the store never turns off everybody.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Replica, Replicas } from './replicas.ts';

export interface Isolation {
  /** Since when it has heard nothing, epoch milliseconds. Undefined: it is not isolated. */
  since(): number | undefined;
  /** Throws `unavailable` while it is. */
  check(): void;
  stop(): void;
}

export interface IsolationDeps {
  readonly replicas: Pick<Replicas, 'id' | 'list' | 'silentMs' | 'steadyMs'>;
  /** Whether that replica says that it has heard the store for so long. Rejects if it does not answer. */
  readonly hears: (replica: Replica, forMs: number) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
  /** The bound. Default 30 s. */
  readonly afterMs?: number;
}

/** Looks in a row that must agree: a process that was paused, or one answer that is lost, changes nothing. */
const inARow = 3;
/** Of how many others at once it asks. */
const mostAsked = 16;
const steadyAgainMs = 3000;

/** Begins at once. */
export function createIsolation({ replicas, hears, clock, log, afterMs = 30_000 }: IsolationDeps): Isolation {
  let since: number | undefined;
  let agreed = 0;
  let disagreed = 0;
  let stopped = false;
  let cancel = (): void => {};
  const end = (why: string): void => {
    agreed = 0;
    if (since === undefined) return;
    since = undefined;
    log.warn({ why }, 'no longer isolated: it takes new streams again');
  };
  const look = async (): Promise<void> => {
    const hearsAgain = replicas.silentMs() < afterMs && replicas.steadyMs() >= steadyAgainMs;
    if (since !== undefined && hearsAgain) return end('it hears the store again');
    if (replicas.silentMs() < afterMs) {
      if (since === undefined) agreed = 0;
      return;
    }
    const others = replicas.list().filter(({ id, alive }) => alive && id !== replicas.id);
    const asked = others.slice(0, mostAsked).map(async (other) => {
      if (await hears(other, afterMs)) return other.id;
      throw new Error('it does not');
    });
    const who = await Promise.any(asked).catch(() => undefined);
    if (replicas.silentMs() < afterMs) return;
    if (who === undefined) {
      disagreed += 1;
      if (since === undefined) agreed = 0;
      else if (disagreed >= inARow) end('no other control plane is known to hear the store');
      return;
    }
    disagreed = 0;
    agreed += 1;
    if (since !== undefined || agreed < inARow) return;
    since = clock.now() - replicas.silentMs();
    log.error(
      { since: new Date(since).toISOString(), replica: who },
      'isolated: it hears nothing of the store, while another control plane does. It takes no new streams',
    );
  };
  const plan = (): void => {
    cancel = clock.after(afterMs / 15, () => {
      void look().finally(() => {
        if (!stopped) plan();
      });
    });
  };
  plan();
  return {
    since: () => since,
    check() {
      if (since === undefined) return;
      throw new CellwallError('unavailable', 'this control plane is cut off from its store, and others are not', {
        hint: 'connect to another one',
      });
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
