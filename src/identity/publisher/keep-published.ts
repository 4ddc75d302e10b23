// Keeps the bundle in force at one place: published when it changes, read back, and checked regularly, because others can write there.
// Nothing waits for it: a failure is reported, and retried at growing intervals.
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Watchable } from '../../lib/watchable.ts';
import { retryDelay } from '../rotation.ts';
import type { TrustBundle } from '../trust-bundle.ts';
import type { Publisher } from './publisher.ts';
import type { PublisherStatus } from './publisher-status.ts';

export interface KeptPublished {
  status(): PublisherStatus;
  close(): void;
}

export interface KeepPublishedDeps<T extends object = TrustBundle> {
  readonly name: string;
  readonly publisher: Publisher<T>;
  readonly bundle: Watchable<T>;
  /** For the log. Default: the trust bundle. */
  readonly what?: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
}

/** Between two checks of what is confirmed. */
const lookMs = 60_000;
/** What takes longer is given up. */
const attemptMs = 30_000;

/** Begins at once. Failures appear in `status` and in the log; nothing is thrown. */
export function keepPublished<T extends object>(deps: KeepPublishedDeps<T>): KeptPublished {
  const { name, publisher, bundle, clock, log, random = Math.random, what = 'the trust bundle' } = deps;
  const closing = new AbortController();
  let status: PublisherStatus = { name, confirmed: false, failures: 0, drifts: 0 };
  /** Consecutive attempts that did not end with a confirmation. */
  let unconfirmed = 0;
  let confirmed: T | undefined;
  let running = false;
  let cancel = (): void => {};

  function tell({ message, hint, code }: CellwallError): void {
    unconfirmed += 1;
    const error = { message, at: clock.now(), ...defined({ hint }) };
    status = { ...status, confirmed: false, error };
    log.warn({ publisher: name, code, reason: message, hint, attempts: unconfirmed }, `${what} is not published`);
  }

  function fail(reason: unknown): void {
    status = { ...status, failures: status.failures + 1 };
    tell(CellwallError.from(reason));
  }

  function succeed(wanted: T): void {
    const sequence = sequenceOf(wanted);
    if (unconfirmed > 0 || confirmed !== wanted) log.info({ publisher: name, sequence }, `${what} is published`);
    unconfirmed = 0;
    confirmed = wanted;
    const { error: _, ...rest } = status;
    status = { ...rest, ...defined({ sequence }), confirmed: bundle.value() === wanted, confirmedAt: clock.now() };
  }

  async function attempt(wanted: T, signal: AbortSignal): Promise<void> {
    const sequence = sequenceOf(wanted);
    let found = await publisher.confirm(wanted, signal);
    if (found.kind === 'missing' || found.kind === 'different') {
      if (confirmed === wanted) {
        status = { ...status, drifts: status.drifts + 1, driftedAt: clock.now() };
        const why = found.kind === 'missing' ? 'it is gone' : found.why;
        log.warn({ publisher: name, sequence, why }, 'somebody else changed what was published; it is corrected');
      }
      await publisher.publish(wanted, signal);
      status = { ...status, ...defined({ sequence }), publishedAt: clock.now() };
      found = await publisher.confirm(wanted, signal);
    }
    switch (found.kind) {
      case 'confirmed':
        return succeed(wanted);
      case 'pending':
        // Not a failure: it was accepted, and will take effect.
        return tell(new CellwallError('unavailable', `not in force everywhere yet: ${found.why}`));
      case 'newer':
        throw new CellwallError(
          'failed_precondition',
          `sequence ${found.sequence} is there, later than ours, ${sequence}`,
          {
            hint: 'another control plane with this CA is ahead of this one; if there is none, remove what is there',
          },
        );
      case 'missing':
      case 'different': {
        const why = found.kind === 'missing' ? 'it is gone' : found.why;
        throw new CellwallError('aborted', `what is there is not what was just published: ${why}`, {
          hint: 'who else writes there? Two control planes need two places',
        });
      }
      default:
        return found satisfies never;
    }
  }

  /** One at a time: an attempt that hangs is reported, and no other is started before it has ended. */
  async function run(): Promise<void> {
    if (running || closing.signal.aborted) return;
    running = true;
    cancel();
    const wanted = bundle.value();
    const limit = new AbortController();
    const cancelLimit = clock.after(attemptMs, () => {
      const hint = 'can that place be reached?';
      fail(new CellwallError('deadline_exceeded', `no answer in ${attemptMs / 1000} s`, { hint }));
      limit.abort();
    });
    try {
      await attempt(wanted, AbortSignal.any([limit.signal, closing.signal]));
    } catch (reason) {
      if (!limit.signal.aborted && !closing.signal.aborted) fail(reason);
    }
    cancelLimit();
    running = false;
    if (bundle.value() !== wanted) return run();
    if (closing.signal.aborted) return;
    const look = lookMs * (0.9 + 0.2 * random());
    cancel = clock.after(
      unconfirmed === 0 ? look : retryDelay(unconfirmed, random(), Number.POSITIVE_INFINITY),
      () => void run(),
    );
  }

  const unwatch = bundle.watch(() => {
    status = { ...status, confirmed: false };
    unconfirmed = 0;
    void run();
  });
  void run();
  return {
    status: () => status,
    close() {
      unwatch();
      cancel();
      closing.abort();
    },
  };
}

/** Of the trust bundle; other things have none. */
function sequenceOf(published: object): number | undefined {
  return 'sequence' in published && typeof published.sequence === 'number' ? published.sequence : undefined;
}
