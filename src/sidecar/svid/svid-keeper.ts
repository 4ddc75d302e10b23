// Keeps an SVID on disk fresh: renewed at half of its lifetime with jitter, with backoff while the control plane is down. The old one stays
// in force until the new one is there.
import { parseJoinToken } from '../../identity/join-token.ts';
import { issuedAt, renewalDelay, resumedDelay, retryDelay } from '../../identity/rotation.ts';
import { certificateFingerprint } from '../../identity/x509/fingerprint.ts';
import { fromPem } from '../../identity/x509/pem.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { pause } from '../pause.ts';
import { createNewestRoots, type HeardBundle } from './newest-roots.ts';
import { isTransient, type ObtainedSvid, type ObtainSvidDeps, obtainSvid } from './obtain-svid.ts';
import type { StoredSvid } from './svid-files.ts';
import { isUnder, rootsOf } from './under-roots.ts';

export interface SvidKeeper {
  current(): StoredSvid;
  /** Sequence of the newest bundle that the control plane gave to this process; 0: none yet. */
  sequence(): number;
  /** The roots from now on: stored with the SVID, if they are newer than the stored ones. */
  trust(heard: HeardBundle): void;
  /** Also aborts a renewal in progress: nothing more is written. */
  close(): void;
}

export interface SvidKeeperOptions extends Omit<ObtainSvidDeps, 'roots'> {
  readonly random?: () => number;
  /** Called for every new SVID after the first, and for new roots. */
  readonly onRenewed?: (svid: StoredSvid) => void;
  /** Stops waiting for the first SVID; renewals continue. */
  readonly signal?: AbortSignal;
}

/** Over how long hosts ask for new SVIDs when a root is to go. */
const longestSpreadMs = 30_000;
/** The same when an operator asks for it. */
const askedSpreadMs = 1000;
/** How soon a jump of the clock is noticed. */
const lookMs = 30_000;

/** Starts with the SVID on disk if it is still valid, otherwise waits for the control plane to issue one. */
export async function createSvidKeeper(options: SvidKeeperOptions): Promise<SvidKeeper> {
  const { random = Math.random, onRenewed = () => {}, signal, ...given } = options;
  const roots = createNewestRoots();
  const renewal = { ...given, roots };
  const { files, clock, log } = renewal;
  const kept = files.read();
  // One with another identity is neither used nor renewed.
  if (kept !== undefined) renewal.verify?.(kept.spiffeId, 'folder');
  const valid = kept !== undefined && kept.notAfter.getTime() > clock.now() ? kept : undefined;
  const rejoined = valid === undefined ? undefined : await rejoin(valid);
  const resumed = valid !== undefined && rejoined === undefined;
  const svid: StoredSvid & Partial<ObtainedSvid> = rejoined ?? valid ?? (await first());
  let latest: StoredSvid = svid;
  /** When the latest was issued, if it was in this process. */
  let issued = svid.issuedAt ?? 0;
  let failures = 0;
  let failuresSinceEnd = 0;
  const closing = new AbortController();
  let cancel = (): void => {};
  /** Names of the roots that will go, as heard last. */
  let retiring: readonly string[] = [];
  // What was read from disk may be past half of its lifetime: it is used at once, and renewed soon.
  plan(resumed ? resumedDelay(latest, seen(), random()) : renewalDelay(latest, seen(), random()));

  /** A slow clock would delay renewals beyond the true expiry. */
  function seen(): number {
    return Math.max(clock.now(), issuedAt(latest), issued);
  }

  /** An SVID by the token, if that has the root of another control plane than what is stored: one that was set up anew. */
  async function rejoin({ spiffeId, notAfter, bundle }: StoredSvid): Promise<ObtainedSvid | undefined> {
    const { token } = renewal;
    const used = { spiffeId, notAfter: notAfter.toISOString() };
    if (token === undefined) {
      log.info(used, 'continuing with the SVID in the folder');
      return undefined;
    }
    try {
      if (renewal.nodeKey.fresh) {
        log.warn(used, 'the node key of the SVID in the folder is gone: joining with the token');
        return await obtainSvid({ ...renewal, ...defined({ signal }) }, 'join token');
      }
      if (hasRoot(bundle, parseJoinToken(token.reveal()).rootFingerprints)) {
        log.info(used, 'continuing with the SVID in the folder: it is valid, so the join token is not used');
        return undefined;
      }
      log.warn(used, 'the SVID in the folder has another root than the join token: joining with the token');
      return await obtainSvid({ ...renewal, ...defined({ signal }) }, 'join token');
    } catch (reason) {
      const { code, message } = CellwallError.from(reason);
      if (signal?.aborted === true) throw reason;
      log.warn(
        { ...used, code, reason: message },
        'the join token did not help: continuing with the SVID in the folder',
      );
      return undefined;
    }
  }

  async function first(): Promise<ObtainedSvid> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await obtainSvid({ ...renewal, ...defined({ signal }) });
      } catch (reason) {
        const error = CellwallError.from(reason);
        if (!isTransient(error) || signal?.aborted === true) throw error;
        // The 1st, 2nd, 4th, ...: a control plane that is down for an hour does not fill the log.
        if (Number.isInteger(Math.log2(attempt))) {
          log.warn({ attempt, reason: error.message }, 'waiting for the control plane');
        }
        // A start waits for seconds, not minutes.
        await pause(Math.min(1000, retryDelay(attempt, random(), 0) / 5), signal);
      }
    }
  }

  function plan(ms: number): void {
    const [due, dueByDate] = [clock.monotonic() + ms, clock.now() + ms];
    const wait = (): void => {
      if (closing.signal.aborted) return;
      cancel = clock.after(Math.min(lookMs, Math.max(0, due - clock.monotonic())), () => {
        // By date, too: after a clock change, or on a machine that slept, a certificate expires early.
        if (clock.monotonic() >= due || clock.now() >= dueByDate) void renew();
        else wait();
      });
    };
    wait();
  }

  async function renew(): Promise<void> {
    try {
      const renewed = await obtainSvid({ ...renewal, signal: closing.signal });
      // Newer roots may have been stored with it since.
      issued = renewed.issuedAt;
      latest = roots.sequence() === 0 ? renewed : (files.read() ?? renewed);
      onRenewed(latest);
      if (latest.notAfter.getTime() <= clock.now()) {
        throw new CellwallError(
          'failed_precondition',
          'a new SVID has ended by the clock of this host: is it set right?',
        );
      }
      if (failuresSinceEnd > 0) log.info({ failures }, 'there is a valid SVID again');
      failures = 0;
      failuresSinceEnd = 0;
      // One that was given where it was not known yet that its root will go.
      plan(willGo() ? spread() : renewalDelay(latest, seen(), random()));
    } catch (reason) {
      if (closing.signal.aborted) return;
      failures += 1;
      const left = latest.notAfter.getTime() - clock.now();
      tell(CellwallError.from(reason), left);
      plan(retryDelay(failures, random(), left));
    }
  }

  function willGo(): boolean {
    return retiring.length > 0 && !isUnder(latest.chain, rootsOf(latest.bundle, retiring));
  }

  /** All hosts hear of it at once. */
  function spread(): number {
    return Math.min(longestSpreadMs, Math.max(0, latest.notAfter.getTime() - clock.now()) / 10) * random();
  }

  function tell({ message, hint }: CellwallError, left: number): void {
    const notAfter = latest.notAfter.toISOString();
    const fields = { failures, notAfter, reason: message, ...defined({ hint }) };
    if (left > 0) log.warn(fields, 'cannot renew the SVID yet');
    // At the first one, and then more and more rarely: it may last for days.
    else if (Number.isInteger(Math.log2(++failuresSinceEnd))) {
      log.error(fields, 'the SVID has expired: calls from and to this proxy fail until it has a new one');
    }
  }

  return {
    current: () => latest,
    sequence: roots.sequence,
    trust(heard) {
      const before = roots.sequence();
      const bundle = roots.hear(heard);
      if (closing.signal.aborted) return;
      if (heard.renew === true) {
        log.info({}, 'an operator wants a new certificate: it is requested');
        cancel();
        // All hosts may hear of it at once.
        plan(Math.min(askedSpreadMs, Math.max(0, latest.notAfter.getTime() - clock.now()) / 10) * random());
      }
      if (roots.sequence() === before) return;
      // Without one of its own, what is stored may be the same.
      if (bundle !== latest.bundle) {
        // What is in force on disk may be newer than `latest`, for a moment.
        const { chain, key } = files.read() ?? latest;
        latest = files.write({ chain, key, bundle });
        log.warn({ sequence: roots.sequence() }, 'the roots of the trust domain changed');
        onRenewed(latest);
      }
      retiring = heard.retiring ?? [];
      if (!isUnder(latest.chain, rootsOf(bundle))) {
        log.warn({}, 'the root of the SVID is gone: a new SVID is requested');
        cancel();
        plan(0);
      } else if (willGo()) {
        log.info({}, 'the root of the SVID will go: a new SVID is requested');
        cancel();
        plan(spread());
      }
    },
    close() {
      closing.abort();
      cancel();
    },
  };
}

function hasRoot(bundle: string, fingerprints: readonly string[]): boolean {
  return fromPem(bundle, 'CERTIFICATE').some((der) => fingerprints.includes(certificateFingerprint(der)));
}
