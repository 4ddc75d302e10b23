// Has the trust bundle pushed to this host: one request is always open at the identity API, which answers it when the roots change.

import { rootName } from '../../identity/roots/roots-record.ts';
import type { SaidInUse } from '../../identity/roots/said-in-use.ts';
import { fromPem } from '../../identity/x509/pem.ts';
import { awaitBundle } from '../../identity-api/await-bundle.ts';
import type { BundleReply } from '../../identity-api/identity-protocol.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Watchable } from '../../lib/watchable.ts';
import { pause } from '../pause.ts';
import type { ControlPlanes } from '../servers/control-planes.ts';
import type { InUse } from './on-renewed.ts';
import type { StoredSvid } from './svid-files.ts';
import { isUnder, rootsOf } from './under-roots.ts';

export interface FollowBundleOptions {
  readonly servers: ControlPlanes;
  readonly svid: () => StoredSvid;
  /** Sequence of the newest known bundle. */
  readonly sequence: () => number;
  readonly onBundle: (reply: BundleReply) => void;
  /** What a program has of what this host was given: the control plane is told, with each change. Absent: what there is. */
  readonly inUse?: Watchable<InUse<StoredSvid>>;
  /** Called each time that the control plane says that this host, or its identity, is banned or evicted. */
  readonly onRefused?: (reason: CellwallError) => void;
  /** Called with each answer: it is neither. */
  readonly onAccepted?: () => void;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** So that a control plane that comes back does not get all requests at once. */
const againMs = 1000;
const longestAgainMs = 10_000;
/** After it was asked for something else. */
const soonMs = 100;
/** It does not support this request, or refuses this host. */
const refusedMs = 120_000;
/** A ban may be lifted. No more often than failed requests are forgiven. */
const thrownOutMs = 4000;
/** A new SVID may be accepted where the one before was not: it had ended, after an outage. */
const lookMs = 2000;
/** A name may resolve differently by then. */
const longestWaitMs = 600_000;

/** Ends with `signal`; never throws. */
export async function followBundle(options: FollowBundleOptions): Promise<void> {
  const { servers, svid, sequence, onBundle, inUse, log, signal, random = Math.random } = options;
  const { onRefused = () => {}, onAccepted = () => {} } = options;
  let thrownOut = false;
  const jitter = (ms: number): number => Math.round(ms * (0.5 + random()));
  let failures = 0;
  // What is said no longer is said anew.
  let unchanged = new AbortController();
  const unwatch = inUse?.watch(() => {
    const before = unchanged;
    unchanged = new AbortController();
    before.abort();
  });
  signal.addEventListener('abort', () => unwatch?.(), { once: true });
  await pause(jitter(againMs), signal);
  while (!signal.aborted) {
    const limit = AbortSignal.timeout(jitter(longestWaitMs));
    const moved = AbortSignal.any([servers.moved(), unchanged.signal]);
    // Whoever was thrown out asks for what it has: the answer comes at once, if there is one.
    const after = thrownOut ? -1 : sequence();
    const used = svid();
    try {
      const ended = AbortSignal.any([signal, limit, moved]);
      const said = inUse === undefined ? { roots: rootNamesOf(used.bundle) } : saidOf(inUse.value());
      const reply = await awaitBundle({ ...servers.identity(), svid: used, after, said, signal: ended });
      failures = 0;
      thrownOut = false;
      onAccepted();
      onBundle(reply);
      // An answer without news would be repeated endlessly.
      if (sequence() <= after)
        await pause(jitter(reply.renew === true || reply.logLevels !== undefined ? soonMs : longestAgainMs), ended);
    } catch (reason) {
      if (limit.aborted || moved.aborted) continue;
      const failed = CellwallError.from(reason);
      const { code, message } = failed;
      failures += 1;
      log.debug({ reason: message }, 'changes of the roots are not pushed to this host now');
      const interrupted = AbortSignal.any([signal, moved]);
      if (code === 'unavailable') {
        await pause(jitter(Math.min(longestAgainMs, againMs * 2 ** Math.min(failures, 10))), interrupted);
        continue;
      }
      if (code === 'permission_denied' || code === 'failed_precondition') {
        thrownOut = true;
        onRefused(failed);
      }
      if (thrownOut) {
        await pause(jitter(thrownOutMs), interrupted);
        continue;
      }
      const end = performance.now() + jitter(refusedMs);
      while (svid() === used && performance.now() < end && !interrupted.aborted) await pause(lookMs, interrupted);
    }
  }
}

function saidOf({ files, failed }: InUse<StoredSvid>): SaidInUse {
  if (files === undefined) return { roots: [], ...defined({ failed }) };
  const over = rootsOf(files.bundle).find((root) => isUnder(files.chain, [root]));
  const under = over === undefined ? undefined : rootName(over.raw);
  return { roots: rootNamesOf(files.bundle), ...defined({ under, failed }) };
}

function rootNamesOf(bundle: string): readonly string[] {
  return fromPem(bundle, 'CERTIFICATE').map(rootName);
}
