// One look at Redis at a time, however many reasons there are for one: whoever writes there can send any number of messages.
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Serial } from '../serial.ts';
import { isUnreadable } from './redis-error.ts';

export interface LookDeps {
  readonly serial: Serial;
  /** `full`: everything is read, even if nothing seems to have changed. */
  readonly refresh: (full: boolean) => Promise<void>;
  readonly log: Log;
  onDone(): void;
  /** `unreadable`: it answers, but not with what is ours: that is no outage. */
  onFailed(reason: CellwallError, unreadable: boolean): void;
}

export function createLook({ serial, refresh, log, onDone, onFailed }: LookDeps): (full?: boolean) => void {
  let looking = false;
  return (full = false) => {
    if (looking) return;
    looking = true;
    serial
      .run(() => {
        looking = false;
        return refresh(full);
      })
      .then(onDone, (error: unknown) => {
        const found = CellwallError.from(error);
        log.debug({ reason: found.message }, 'reading Redis failed');
        onFailed(found, isUnreadable(found));
      });
  };
}
