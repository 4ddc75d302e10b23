// Before Envoy starts: does the name (`<SPIFFE ID>~<instance>`) belong to this proxy? A copied folder has the first one's key and name, and
// an `--instance` may be given twice. The one that has the name keeps it; the other chooses a new one, or exits. A control plane that is
// down, or older, blocks nothing: the name is checked again when Envoy connects.

import { deliver } from '../identity-api/deliver.ts';
import { identityPaths } from '../identity-api/identity-protocol.ts';
import type { LeaveRequest } from '../identity-api/leave-request.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { newInstance } from './instance.ts';
import { pause } from './pause.ts';
import type { ControlPlanes } from './servers/control-planes.ts';
import { firstThatAnswers } from './servers/first-that-answers.ts';
import type { StoredSvid } from './svid/svid-files.ts';

export interface TakeNameOptions {
  readonly servers: ControlPlanes;
  readonly svid: StoredSvid;
  /** The one stored in its folder, or as given. */
  readonly instance: string;
  /** It was given explicitly: it is never replaced. */
  readonly given: boolean;
  readonly dataDir: string;
  readonly run: string;
  /** Default: as long as the control plane may take to notice that a host is dead (30 s), and to release its name (30 s more). */
  readonly waitMs?: number | undefined;
  readonly signal: AbortSignal;
  readonly log: Log;
}

const timeoutMs = 3000;
const firstMs = 250;
const longestMs = 5000;

/** The instance that belongs to this proxy. Throws if the given one belongs to another, and does not become free. */
export async function takeName(options: TakeNameOptions): Promise<string> {
  const { given, dataDir, instance, waitMs = given ? 70_000 : 35_000, signal, log } = options;
  const end = performance.now() + waitMs;
  for (let ms = firstMs; ; ms = Math.min(ms * 2, longestMs)) {
    const refusal = await hello(options);
    if (refusal === undefined || signal.aborted) return instance;
    const { message: reason, hint } = refusal;
    if (ms === firstMs) {
      // As after a crash of the host: the one that has it may be this one, an hour ago.
      const forSeconds = Math.ceil(waitMs / 1000);
      log.error({ instance, reason, ...defined({ hint }), forSeconds }, 'its name is taken: waiting');
    }
    const left = end - performance.now();
    if (left > 0) {
      await pause(Math.min(ms, left), signal);
      continue;
    }
    if (given) throw refusal;
    const own = newInstance(dataDir);
    log.error(
      {
        before: instance,
        instance: own,
        reason,
        hint: 'a copied folder has the node key, too: let this host join with a token and an empty --data',
      },
      'its name stays taken: it takes an instance of its own',
    );
    return own;
  }
}

/** What the control plane has against the name. */
async function hello({
  servers,
  svid,
  instance,
  run,
  signal,
  log,
}: TakeNameOptions): Promise<CellwallError | undefined> {
  const body = async (): Promise<LeaveRequest> => ({ instance, run });
  try {
    await firstThatAnswers(
      servers,
      (identity) => deliver({ ...identity, svid, timeoutMs, path: identityPaths.hello, body, signal }),
      { log, signal },
    );
  } catch (cause) {
    const reason = CellwallError.from(cause);
    if (reason.code === 'already_exists' || reason.code === 'permission_denied') return reason;
    log.info({ reason: reason.message }, 'starting without confirmation of its name by the control plane');
  }
  return undefined;
}
