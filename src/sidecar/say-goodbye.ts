// Before Envoy drains, its callers are told to go elsewhere: the helper tells the control plane that this proxy leaves. A control plane
// that is down, or older, never delays the end.

import { deliver } from '../identity-api/deliver.ts';
import { identityPaths } from '../identity-api/identity-protocol.ts';
import type { LeaveRequest } from '../identity-api/leave-request.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { pause } from './pause.ts';
import type { ControlPlanes } from './servers/control-planes.ts';
import { firstThatAnswers } from './servers/first-that-answers.ts';
import type { StoredSvid } from './svid/svid-files.ts';

export interface GoodbyeOptions extends LeaveRequest {
  readonly servers: ControlPlanes;
  readonly svid: StoredSvid;
  /** Cuts it short. */
  readonly now: AbortSignal;
  readonly log: Log;
}

const timeoutMs = 1000;

/**
 * From the control plane's answer until callers' proxies act on it: 50 ms of its window, the push, a turn of each worker. A fixed time, not
 * their ACKs: one hanging caller would delay every stop, and a late one loses nothing, because listeners take calls while they drain.
 */
const settleMs = 400;

/** Resolves when Envoy may drain; never throws. */
export async function sayGoodbye({ servers, svid, instance, run, now, log }: GoodbyeOptions): Promise<void> {
  const leave: LeaveRequest = { instance, run };
  try {
    const body = async (): Promise<LeaveRequest> => leave;
    await firstThatAnswers(
      servers,
      (identity) => deliver({ ...identity, svid, timeoutMs, path: identityPaths.leave, body, signal: now }),
      { log, signal: now },
    );
  } catch (reason) {
    log.info({ reason: CellwallError.from(reason).message }, 'ending without a goodbye to the control plane');
    return;
  }
  log.info({}, 'said goodbye: callers go elsewhere');
  await pause(settleMs, now);
}
