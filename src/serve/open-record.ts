// The record of traffic and of its gaps: read from the store at the start, written to it every few seconds and at the end.
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import { type Coverage, createCoverage } from '../observe/coverage.ts';
import { type CrossCheck, createCrossCheck } from '../observe/cross-check.ts';
import { createHandshakes, type Handshakes } from '../observe/handshakes.ts';
import { createTraffic, type Traffic } from '../observe/traffic.ts';
import { createTrafficKeeper } from '../observe/traffic-keeper.ts';
import type { Store } from '../store/store.ts';

export interface Record {
  readonly traffic: Traffic;
  /** Its gaps include those that Envoy's counters reveal. */
  readonly coverage: Coverage;
  readonly crossCheck: CrossCheck;
  readonly handshakes: Handshakes;
}

export interface RecordDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

const everyMs = 10_000;

/** Never rejects because of what was stored: then the record starts empty. The last write is done by `lifecycle`. */
export async function openRecord({ store, clock, log, lifecycle }: RecordDeps): Promise<Record> {
  const traffic = createTraffic({ clock });
  const coverage = createCoverage({ table: store.table('log-coverage'), clock, log });
  const crossCheck = createCrossCheck({
    clock,
    onMissing(node, { from, to, ...missing }) {
      log.warn({ node, from, to, ...missing }, 'the access log of a proxy reported less than its counters');
      coverage.missing(node, from, to, missing);
    },
  });
  const handshakes = createHandshakes({ clock, table: store.table('handshakes') });
  const keeper = createTrafficKeeper({ traffic, table: store.table('traffic'), log });
  const restore = async (what: string, read: () => Promise<void>): Promise<void> => {
    // If its past cannot be read, the record starts empty: nothing that serves waits for it.
    await read().catch((reason: unknown) => log.error({ what, reason: String(reason) }, 'the record cannot be read'));
  };
  await restore('traffic', keeper.restore);
  await restore('coverage', coverage.restore);
  await restore('handshakes', handshakes.restore);
  let cancel = (): void => {};
  const flush = async (): Promise<void> => {
    try {
      await keeper.flush();
      await coverage.flush();
      await handshakes.flush();
    } catch (reason) {
      log.error({ reason: String(reason) }, 'the record is not persisted');
    }
  };
  const again = (): void => {
    cancel = clock.after(everyMs, () => void flush().then(again));
  };
  again();
  lifecycle.defer('traffic record', async () => {
    cancel();
    await flush();
  });
  return { traffic, coverage: withCounters(coverage, crossCheck), crossCheck, handshakes };
}

/** Both know the same proxies: whatever connects is compared from then on. */
function withCounters(coverage: Coverage, crossCheck: CrossCheck): Coverage {
  return {
    ...coverage,
    connected(node, service) {
      coverage.connected(node, service);
      crossCheck.connected(node);
    },
    gone(node) {
      coverage.gone(node);
      crossCheck.forget(node);
    },
    of(service, since) {
      const notCrossChecked = coverage.present(service).filter((node) => crossCheck.of(node) === undefined);
      return { ...coverage.of(service, since), notCrossChecked };
    },
  };
}
