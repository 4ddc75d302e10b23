// Reports to the control plane regularly, and before Envoy drains, what Envoy itself has counted, so that gaps in the access log are
// noticed. An older control plane, or one that is down, is not the proxy's fault: nothing waits for it, and it is tried again later.

import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deliverCounters } from '../../identity-api/counters-client.ts';
import type { CountersReport } from '../../identity-api/counters-report.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError, type ErrorCode } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { pause } from '../pause.ts';
import type { ControlPlanes } from '../servers/control-planes.ts';
import { createShownCertificate } from '../svid/shown-certificate.ts';
import type { StoredSvid } from '../svid/svid-files.ts';
import type { AdminAddress } from './bootstrap.ts';
import { readCounters, readGroups, statsQuery } from './envoy-counters.ts';
import { outboundQuery, readOutbound, timesQuery } from './outbound-counters.ts';
import { readStats } from './read-stats.ts';

export interface CountersReporter {
  /** Resolves when Envoy may exit: what was counted has been sent, and its log has been flushed. */
  last(now: AbortSignal): Promise<void>;
  /** There is something to tell: the next report is made in a moment. */
  soon(): void;
  close(): void;
}

export interface CountersReporterOptions {
  readonly servers: ControlPlanes;
  readonly svid: () => StoredSvid;
  readonly instance: string;
  /** Which run of Envoy it is. */
  readonly run: string;
  /** Ports of the inbound listeners. */
  readonly inbounds: readonly number[];
  readonly admin: () => AdminAddress | undefined;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
}

/** The proxy connects at about this time. */
const firstMs = 2000;
const retryMs = 5000;
/** Envoy reads a file that was replaced within milliseconds. */
const soonMs = 300;
/** Some milliseconds every two minutes. */
const reportsBetweenCollections = 12;
const timeoutMs = 5000;
/** Envoy brings its histograms up to date as often. */
const timesMs = 60_000;
const lastTimeoutMs = 1000;
/** Envoy sends its log within half a second; the drain waits as long again. */
const flushMs = 250;

const refusals: ReadonlySet<ErrorCode> = new Set(['failed_precondition', 'permission_denied', 'already_exists']);

/** `everyMs` is varied by a tenth. Failures are logged; nothing waits for them. */
export function reportCounters(options: CountersReporterOptions): CountersReporter {
  const { servers, svid, instance, run, inbounds, admin, everyMs, clock, log, random = Math.random } = options;
  const shown = createShownCertificate(log);
  const epoch = randomBytes(8).toString('hex');
  let taken = false;
  /** The last report did not arrive, or was refused: with it what it said of Envoy's certificate. */
  let missed = false;
  /** The control plane's objections to this proxy: its document was deleted, its host evicted, another one has its name. */
  let refused: string | undefined;
  let sinceCollection = 0;
  let timesReadAt = Number.NEGATIVE_INFINITY;
  let closed = false;
  let cancel = plan(firstMs);

  function plan(ms: number): () => void {
    return clock.after(ms * (0.9 + 0.2 * random()), () => {
      void report(false, timeoutMs).then(() => {
        sinceCollection = (sinceCollection + 1) % reportsBetweenCollections;
        if (sinceCollection === 0) collectGarbage();
        if (!closed) cancel = plan(taken && !missed ? everyMs : Math.min(everyMs, retryMs));
      });
    });
  }

  async function read(last: boolean): Promise<CountersReport> {
    const address = admin();
    if (address === undefined) throw new CellwallError('unavailable', "Envoy's admin does not listen yet");
    const first = readCounters(await readStats(address, statsQuery), inbounds);
    const stats = await readStats(address, statsQuery);
    const second = readCounters(stats, inbounds);
    const certificate = shown.look(stats, svid());
    const groups = readGroups(stats, inbounds);
    const read = {
      ...defined({ certificate }),
      instance,
      run,
      epoch,
      last,
      readAt: clock.now(),
      first,
      second,
      groups,
    };
    return { ...read, ...defined({ outbound: await readDependencies(address, last) }) };
  }

  /** Undefined if Envoy does not tell: the rest of the report does not depend on it. */
  async function readDependencies(address: AdminAddress, last: boolean): Promise<CountersReport['outbound']> {
    const withTimes = last || clock.monotonic() - timesReadAt >= timesMs;
    try {
      const counts = await readStats(address, outboundQuery);
      const times = withTimes ? await readStats(address, timesQuery) : undefined;
      if (withTimes) timesReadAt = clock.monotonic();
      return readOutbound(counts, times);
    } catch (reason) {
      log.debug({ reason: String(reason) }, 'how dependencies are called was not read');
      return undefined;
    }
  }

  async function report(last: boolean, ms: number): Promise<void> {
    try {
      await deliverCounters({ ...servers.identity(), svid: svid(), timeoutMs: ms, read: () => read(last) });
      taken = true;
      missed = false;
      if (refused !== undefined) log.info({}, 'the control plane accepts this proxy again');
      refused = undefined;
    } catch (reason) {
      missed = true;
      const { code, message, hint } = CellwallError.from(reason);
      if (!refusals.has(code)) return log.debug({ reason: message }, "Envoy's counters were not reported");
      if (refused !== message) {
        const fields = { reason: message, ...defined({ hint }) };
        log.error(
          fields,
          'the control plane refuses this proxy: nobody is sent here, and its certificate is not renewed',
        );
      }
      refused = message;
    }
  }

  function close(): void {
    closed = true;
    cancel();
  }

  return {
    async last(now) {
      close();
      if (!taken) return;
      await report(true, lastTimeoutMs);
      await pause(flushMs, now);
    },
    soon() {
      if (closed || !taken) return;
      cancel();
      cancel = plan(Math.min(soonMs, everyMs));
    },
    close,
  };
}

let collect: (() => void) | undefined;

/**
 * Requests a garbage collection. What a connection leaves behind is mostly outside the heap, so V8 sees no need: left alone, the helper
 * of every service would grow by 20 MB in an hour of reports, and stay there.
 */
function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    const found: unknown = runInNewContext('gc');
    collect = typeof found === 'function' ? () => void found() : () => {};
  }
  collect();
}
