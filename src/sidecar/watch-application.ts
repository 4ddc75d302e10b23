// Looks after the application again and again: what changes is said in the log and to the control plane, which sends callers to another
// replica while it is down. A control plane that is away, or older, is told again later.

import { deliver } from '../identity-api/deliver.ts';
import { identityPaths } from '../identity-api/identity-protocol.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { type ApplicationAddress, formatApplication } from './application-address.ts';
import type { HostPort } from './host-port.ts';
import { type ApplicationLook, lookAtApplication } from './look-at-application.ts';
import type { StoredSvid } from './svid/svid-files.ts';

export interface WatchApplicationOptions {
  readonly application: ApplicationAddress;
  readonly server: HostPort;
  readonly svid: () => StoredSvid;
  readonly instance: string;
  readonly run: string;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 1000;
/** What did not change is said again, as a control plane that was started anew knows nothing. */
const againMs = 10_000;
const timeoutMs = 2000;

export function watchApplication(options: WatchApplicationOptions): { close(): void } {
  const { application, server, svid, instance, run, clock, log } = options;
  const at = formatApplication(application);
  let seen: ApplicationLook | undefined;
  let missed = 0;
  let toldAt: number | undefined;
  let closed = false;
  let cancel = (): void => {};

  async function turn(): Promise<void> {
    const look = await lookAtApplication(application);
    missed = look.answers ? 0 : missed + 1;
    // One that restarts is not down yet.
    const state = missed === 1 && seen?.answers === true ? { answers: true, around: look.around } : look;
    if (JSON.stringify(state) !== JSON.stringify(seen)) {
      say(state, seen);
      seen = state;
      toldAt = undefined;
    }
    if (toldAt === undefined || clock.monotonic() - toldAt >= againMs) await tell(state);
    if (!closed) cancel = clock.after(everyMs, () => void turn());
  }

  function say(now: ApplicationLook, before: ApplicationLook | undefined): void {
    if (now.answers && before?.answers === false) log.info({ application: at }, 'the application answers');
    if (!now.answers && before?.answers !== false) {
      log.warn(
        { application: at, reason: now.why },
        'the application does not answer: callers are sent to another replica, if there is one',
      );
    }
    if (now.around.length > 0 && JSON.stringify(now.around) !== JSON.stringify(before?.around)) {
      const hint = 'have it listen on 127.0.0.1 alone, or close its port to others';
      log.warn(
        { application: at, around: now.around, hint },
        'the application can be reached around this sidecar, where no policy holds',
      );
    }
  }

  async function tell({ answers, around }: ApplicationLook): Promise<void> {
    try {
      const body = async (): Promise<object> => ({ instance, run, answers, around: around.slice(0, 16) });
      await deliver({ ...server, svid: svid(), timeoutMs, path: identityPaths.application, body });
      toldAt = clock.monotonic();
    } catch (reason) {
      log.debug({ reason: CellwallError.from(reason).message }, 'the state of the application was not told');
    }
  }

  void turn();
  return {
    close() {
      closed = true;
      cancel();
    },
  };
}
