// Events that nobody waits for: what was issued, who was attested and who was refused. A log that cannot be written holds nothing of that
// up; what is missing in it is counted, and the log itself says so as soon as it can be written again.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { AuditEvent } from './audit-event.ts';

export interface BackgroundRecorder {
  /** Returns at once. */
  note(event: AuditEvent): void;
  /** Events that could not be written, since the start. */
  lost(): number;
}

export interface BackgroundRecorderDeps {
  readonly append: (event: AuditEvent) => Promise<unknown>;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly log: Log;
  readonly lifecycle: Pick<Lifecycle, 'defer'>;
}

const retryMs = 5000;

export function createBackgroundRecorder({
  append,
  clock,
  log,
  lifecycle,
}: BackgroundRecorderDeps): BackgroundRecorder {
  let missing:
    | { count: number; readonly kinds: Set<string>; readonly since: string; readonly reason: string }
    | undefined;
  let total = 0;
  let writing: Promise<unknown> = Promise.resolve();
  let waiting: (() => void) | undefined;

  const failed = (kind: string, cause: unknown): void => {
    total += 1;
    const { message } = CellwallError.from(cause);
    if (missing === undefined) {
      log.error({ reason: message }, 'events are not in the audit log');
      missing = { count: 0, kinds: new Set(), since: new Date(clock.now()).toISOString(), reason: message };
    }
    missing.count += 1;
    missing.kinds.add(kind);
    waiting ??= clock.after(retryMs, () => void tell());
  };
  const tell = async (): Promise<void> => {
    waiting?.();
    waiting = undefined;
    if (missing === undefined) return;
    const { count, kinds, since, reason } = missing;
    try {
      await append({ kind: 'records-lost', count, kinds: [...kinds].toSorted(), since, reason });
    } catch {
      waiting ??= clock.after(retryMs, () => void tell());
      return;
    }
    // What was lost while this was written is told next.
    if (missing.count === count) missing = undefined;
    else {
      missing.count -= count;
      waiting ??= clock.after(retryMs, () => void tell());
    }
  };
  lifecycle.defer('events of the audit log', async () => {
    await writing;
    await tell();
    waiting?.();
  });
  return {
    note(event) {
      writing = append(event).catch((reason: unknown) => failed(event.kind, reason));
    },
    lost: () => total,
  };
}
