// The record of traffic and of its gaps: read from the store at the start, written to it every few seconds and at the end.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { joined } from '../lib/joined.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import { createSingleton } from '../lib/singleton.ts';
import type { Table } from '../lib/table.ts';
import { type Coverage, createCoverage } from '../observe/coverage.ts';
import { type CrossCheck, createCrossCheck } from '../observe/cross-check.ts';
import { createFreshParts, type OtherRecords } from '../observe/fresh-parts.ts';
import { createHandshakes, type Handshakes } from '../observe/handshakes.ts';
import type { Metrics } from '../observe/metrics.ts';
import { createOthersCoverage } from '../observe/others-coverage.ts';
import { createOutboundCounted, type OutboundCounted } from '../observe/outbound-counts.ts';
import { createPartTable, watchOthers } from '../observe/part-table.ts';
import { shareHandshakes } from '../observe/shared-handshakes.ts';
import { shareTraffic } from '../observe/shared-traffic.ts';
import { sweepParts } from '../observe/sweep-parts.ts';
import { createTlsGroups, type TlsGroups } from '../observe/tls-groups.ts';
import { createTraffic, type Traffic } from '../observe/traffic.ts';
import { createTrafficKeeper } from '../observe/traffic-keeper.ts';
import type { Replicas } from '../registry/replicas.ts';
import { createOthersSignals } from '../signals/others-signals.ts';
import { createReadSignals, type ReadSignals } from '../signals/read-signals.ts';
import { createRecordedSignals, type RecordedSignals } from '../signals/recorded-signals.ts';
import { createSignalsKeeper } from '../signals/signals-keeper.ts';
import type { Store } from '../store/store.ts';

export interface Record {
  readonly traffic: Traffic;
  /** Its gaps include those that Envoy's counters reveal. */
  readonly coverage: Coverage;
  readonly crossCheck: CrossCheck;
  readonly handshakes: Handshakes;
  /** How calls went. */
  readonly signals: Pick<RecordedSignals, 'record'> & ReadSignals;
  /** Reads what other replicas have up to now; resolves with the ids of those that did not tell. */
  refresh(): Promise<readonly string[]>;
}

export interface RecordDeps {
  readonly store: Store;
  readonly metrics: Pick<Metrics, 'countEdges'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  /** Who else keeps one on the same store: each its own part, and all of them read all parts. Absent: nobody. */
  readonly replicas: (OtherRecords & Pick<Replicas, 'isAlive'>) | undefined;
}

const everyMs = 10_000;
const tableNames = ['traffic', 'handshakes', 'log-coverage', 'signals'] as const;
type TableName = (typeof tableNames)[number];

/** Never rejects because of what was stored: then the record starts empty. The last write is done by `lifecycle`. */
export async function openRecord({ store, metrics, clock, log, lifecycle, replicas }: RecordDeps): Promise<Record> {
  const part = (name: string): Table =>
    replicas === undefined ? store.table(name) : createPartTable(store.table(name), replicas.id);
  /** There is nothing to write before the past is read. */
  let flush = async (): Promise<void> => {};
  const fresh =
    replicas === undefined
      ? undefined
      : createFreshParts({
          tables: new Map(tableNames.map((name) => [name, part(name)])),
          others: replicas,
          flush: () => flush(),
          clock,
        });
  const read = (name: TableName) => ({ table: store.table(name), ...defined({ onMark: fresh?.onMark(name) }) });
  const traffic = metrics.countEdges(createTraffic({ clock }));
  const others =
    replicas === undefined
      ? undefined
      : createOthersCoverage({ ...read('log-coverage'), replica: replicas.id, runs: replicas.isAlive, clock });
  const coverage = createCoverage({ table: part('log-coverage'), ...defined({ others }), clock, log });
  const crossCheck = createCrossCheck({
    clock,
    onMissing(node, { from, to, ...missing }) {
      log.warn({ node, from, to, ...missing }, 'the access log of a proxy reported less than its counters');
      coverage.missing(node, from, to, missing);
    },
  });
  const handshakes = createHandshakes({ clock, table: part('handshakes') });
  const keeper = createTrafficKeeper({ traffic, table: part('traffic'), log });
  const recorded = createRecordedSignals({ clock });
  const othersSignals = createOthersSignals(log);
  const signals = { record: recorded.record, ...createReadSignals({ own: recorded, others: othersSignals, clock }) };
  const signalsKeeper = createSignalsKeeper({ signals: recorded, table: part('signals'), clock, log });
  const restore = async (what: string, read: () => Promise<void>): Promise<void> => {
    // If its past cannot be read, the record starts empty: nothing that serves waits for it.
    await read().catch((reason: unknown) => log.error({ what, reason: String(reason) }, 'the record cannot be read'));
  };
  await restore('traffic', keeper.restore);
  await restore('coverage', coverage.restore);
  await restore('handshakes', handshakes.restore);
  await restore('signals', signalsKeeper.restore);
  let cancel = (): void => {};
  flush = joined(async (): Promise<void> => {
    try {
      await keeper.flush();
      await coverage.flush();
      await handshakes.flush();
      await signalsKeeper.flush();
    } catch (reason) {
      log.error({ reason: String(reason) }, 'the record is not persisted');
    }
  });
  const again = (): void => {
    cancel = clock.after(everyMs, () => void flush().then(again));
  };
  again();
  lifecycle.defer('traffic record', async () => {
    cancel();
    await flush();
  });
  const groups = createTlsGroups(recorded);
  const outbound = createOutboundCounted(recorded);
  const counters = { ...withCounters(coverage, crossCheck, groups, outbound), handshakes, signals };
  const own = { traffic, ...counters };
  if (replicas === undefined || fresh === undefined) return { ...own, refresh: async () => [] };
  const { id: replica } = replicas;
  const calls = shareTraffic({ own: traffic, ...read('traffic'), replica, log });
  const failures = shareHandshakes({ own: handshakes, ...read('handshakes'), replica });
  // Before anybody asks: whether somebody would be cut off is judged by all that was recorded, whoever recorded it.
  const told = read('signals');
  const elsewhere = watchOthers(told.table, replica, othersSignals.take, told.onMark);
  const pasts = {
    ...{ traffic: calls.past, handshakes: failures.past, coverage: others?.past, signals: elsewhere.past },
  };
  for (const [what, past] of Object.entries(pasts)) await restore(`${what} of others`, async () => past);
  const sweeping = tableNames.map((name) => {
    const table = store.table(name);
    const begin = sweepParts({ coverage: store.table('log-coverage'), table, clock, log });
    return createSingleton({ table, lease: 'sweep', clock, log, begin, ttlMs: 60_000 });
  });
  lifecycle.defer('records of others', async () => {
    for (const { stop } of [calls, failures, elsewhere]) stop();
    others?.stop();
    await Promise.all(sweeping.map(({ stop }) => stop()));
  });
  return { ...own, traffic: calls.traffic, handshakes: failures.handshakes, refresh: fresh.refresh };
}

/** All know the same proxies: whatever connects is compared from then on. */
function withCounters(
  coverage: Coverage,
  crossCheck: CrossCheck,
  groups: TlsGroups,
  outbound: OutboundCounted,
): { readonly coverage: Coverage; readonly crossCheck: CrossCheck } {
  return {
    coverage: {
      ...coverage,
      connected(node, service) {
        coverage.connected(node, service);
        crossCheck.connected(node);
        groups.connected(node, service);
        outbound.connected(node, service);
      },
      gone(node) {
        coverage.gone(node);
        crossCheck.forget(node);
        groups.forget(node);
        outbound.forget(node);
      },
      of(service, since) {
        const notCrossChecked = coverage.present(service).filter((node) => crossCheck.of(node) === undefined);
        return { ...coverage.of(service, since), notCrossChecked };
      },
    },
    crossCheck: {
      ...crossCheck,
      report(node, report, begunAt) {
        crossCheck.report(node, report, begunAt);
        groups.told(node, report.epoch, report.groups ?? {});
        if (report.outbound !== undefined) outbound.told(node, report.epoch, report.outbound);
      },
    },
  };
}
