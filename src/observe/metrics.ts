// Prometheus metrics of the control plane. Names and labels are a contract with dashboards: docs/metrics.md lists them. Labels are
// bounded, and never what a caller chooses freely; what names proxies and edges is for those alone who may know them.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type AuditFigures, exportAudit, exportAuditLosses } from './audit-metrics.ts';
import { type CaFigures, exportCa } from './ca-metrics.ts';
import { countEdges, createEdgeCalls, exportEdges } from './edge-metrics.ts';
import { exportFollowing, type FollowingFigures } from './following-metrics.ts';
import { exportForeignBundles, type ForeignBundleFigures } from './foreign-bundle-metrics.ts';
import { exportProxies, type ProxyFigures } from './proxy-metrics.ts';
import { exportPublishers, type PublisherFigures } from './publisher-metrics.ts';
import { createStoreLag, exportEndpoints, exportIsolation, exportStore, type StoreFigures } from './store-metrics.ts';
import { exportTraces, type TraceFigures } from './trace-metrics.ts';
import type { Traffic } from './traffic.ts';
import { withZeros } from './with-zeros.ts';

export interface Metrics {
  /** Open xDS streams. */
  setStreams(count: number): void;
  /** One response sent; `typeUrl` is one of xDS's own types. */
  pushed(typeUrl: string): void;
  /** One rejection by a proxy. */
  nacked(typeUrl: string): void;
  /** The revision that is in force. */
  setRevision(revision: number): void;
  /** How much is wrong with documents that are stored but not in force. */
  setProblems(count: number): void;
  svidIssued(): void;
  /** `code`: one of gRPC's. */
  svidRefused(code: string): void;
  /** A change is held until it is confirmed; `code` is one of a few. */
  changeHeld(code: string): void;
  /** An entry of an access log that could not be read. */
  unreadable(): void;
  /** A whole state of the documents was resolved, to be judged. */
  resolved(): void;
  /** Of so many documents something was made anew, as they, or what they refer to, had changed. */
  resolvedDocuments(count: number): void;
  /** A file of documents was parsed, or as much of it as had changed. */
  parsedFile(): void;
  /** Resources were looked into by the linter, one by one. */
  linted(count: number): void;
  /** A proxy's resources were assembled again because some of them changed. */
  translated(): void;
  /** Resources were made, for one or more proxies. */
  madeResources(count: number): void;
  /** From a change's acceptance by the store to its snapshots being handed to the streams. */
  applied(ms: number): void;
  /** What somebody else wrote is in force here, so long after. */
  arrived(by: 'files' | 'replica', lagMs: number): void;
  /** Call it once: it is asked at every scrape. */
  watchTraces(read: () => TraceFigures): void;
  /** Call it once: `read` is called at every scrape. `now`: epoch milliseconds. */
  watchPublishers(read: () => readonly PublisherFigures[], now: () => number): void;
  /** `read` is called at every scrape; `now`: epoch milliseconds. */
  watchForeignBundles(read: () => readonly ForeignBundleFigures[], now: () => number): void;
  /** Call it once: it is asked at every scrape. */
  watchStore(store: StoreFigures): void;
  /** Call it once: `held`, how many endpoints are held because too many disappeared at once, is asked at every scrape. */
  watchEndpoints(held: () => number): void;
  /** Call it once: it is asked at every scrape. */
  watchIsolation(isolated: () => boolean): void;
  /** Call it once: it is asked at every scrape. */
  watchFollowing(figures: FollowingFigures): void;
  /** `read` is called at every scrape; `now`: epoch milliseconds. */
  watchCa(read: () => CaFigures, now: () => number): void;
  /** Call it once: `read` is called at every scrape. `now`: epoch milliseconds. */
  watchProxies(read: () => readonly ProxyFigures[], now: () => number): void;
  /** Counts whatever is recorded there from now on, by caller and service. Call it once. */
  countEdges(traffic: Traffic): Traffic;
  /** Call it once: it is asked at every scrape. */
  watchAudit(read: () => AuditFigures): void;
  /** Call it once: it is asked at every scrape. `lost`: since the start. */
  watchAuditLosses(lost: () => number): void;
  /** Prometheus text. `named`: also what names proxies, and who calls whom; default true. */
  text(named?: boolean): Promise<string>;
}

export interface MetricsOptions {
  /** Also the process's own: memory, CPU, event loop, garbage collection. Default true. */
  readonly process?: boolean;
}

/** Each call has a registry of its own. */
export function createMetrics({ process = true }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (process) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const streams = new Gauge({ name: 'cellwall_streams', help: 'Open xDS streams.', registers });
  const pushes = new Counter({
    name: 'cellwall_pushes_total',
    help: 'xDS responses sent, by resource type.',
    labelNames: ['type'],
    registers,
  });
  const nacks = new Counter({
    name: 'cellwall_nacks_total',
    help: 'xDS responses that proxies rejected, by resource type.',
    labelNames: ['type'],
    registers,
  });
  const revision = new Gauge({
    name: 'cellwall_snapshot_revision',
    help: 'Revision of the documents in force.',
    registers,
  });
  const problems = new Gauge({
    name: 'cellwall_document_problems',
    help: 'Problems of documents that are stored but not in force: refused, or held back.',
    registers,
  });
  const held = new Counter({
    name: 'cellwall_changes_held_total',
    help: 'Changes of documents that were held until somebody confirms them, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const svids = new Counter({ name: 'cellwall_svids_issued_total', help: 'X.509-SVIDs issued.', registers });
  const refused = new Counter({
    name: 'cellwall_svids_refused_total',
    help: 'X.509-SVIDs that were asked for and not given, by reason.',
    labelNames: ['code'],
    registers,
  });
  const unreadable = new Counter({
    name: 'cellwall_access_log_unreadable_total',
    help: 'Access-log entries that could not be read: the service concerned has a gap in its record.',
    registers,
  });
  const resolves = new Counter({
    name: 'cellwall_resolves_total',
    help: 'States of the documents that were resolved: once each, whether accepted, refused or only tried.',
    registers,
  });
  const documents = new Counter({
    name: 'cellwall_documents_resolved_total',
    help: 'Documents that were resolved, as they, or what they refer to, had changed.',
    registers,
  });
  const parses = new Counter({
    name: 'cellwall_files_parsed_total',
    help: 'Texts of documents that were parsed: files that changed, and documents that were applied.',
    registers,
  });
  const lints = new Counter({
    name: 'cellwall_lints_total',
    help: 'xDS resources that the linter looked into, each before anybody is sent it.',
    registers,
  });
  const translations = new Counter({
    name: 'cellwall_translations_total',
    help: 'How often the resources of a proxy were assembled again because some of them changed.',
    registers,
  });
  const resources = new Counter({
    name: 'cellwall_resources_made_total',
    help: 'xDS resources that were translated and encoded, each once for all proxies that use it.',
    registers,
  });
  const apply = new Histogram({
    name: 'cellwall_apply_seconds',
    help: 'Time from accepting a change to handing its snapshots to the streams.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const lag = createStoreLag(registry);
  withZeros({ pushes, nacks, refused, held });
  return {
    arrived: lag,
    watchTraces: (read) => exportTraces(registry, read),
    setStreams: (count) => streams.set(count),
    pushed: (typeUrl) => pushes.inc({ type: shortType(typeUrl) }),
    nacked: (typeUrl) => nacks.inc({ type: shortType(typeUrl) }),
    setRevision: (value) => revision.set(value),
    setProblems: (count) => problems.set(count),
    svidIssued: () => svids.inc(),
    svidRefused: (code) => refused.inc({ code }),
    changeHeld: (code) => held.inc({ reason: code }),
    unreadable: () => unreadable.inc(),
    resolved: () => resolves.inc(),
    resolvedDocuments: (count) => documents.inc(count),
    parsedFile: () => parses.inc(),
    linted: (count) => lints.inc(count),
    translated: () => translations.inc(),
    madeResources: (count) => resources.inc(count),
    applied: (ms) => apply.observe(ms / 1000),
    watchPublishers: (read, now) => exportPublishers(registry, read, now),
    watchForeignBundles: (read, now) => exportForeignBundles(registry, read, now),
    watchStore: (store) => exportStore(registry, store),
    watchEndpoints: (held) => exportEndpoints(registry, held),
    watchIsolation: (isolated) => exportIsolation(registry, isolated),
    watchCa: (read, now) => exportCa(registry, read, now),
    watchFollowing: (figures) => exportFollowing(registry, figures),
    watchProxies: (read, now) => exportProxies(registry, read, now),
    countEdges(traffic) {
      const edges = createEdgeCalls();
      exportEdges(registry, edges.figures);
      return countEdges(traffic, edges);
    },
    watchAudit: (read) => exportAudit(registry, read),
    watchAuditLosses: (lost) => exportAuditLosses(registry, lost),
    async text(named = true) {
      if (named) return registry.metrics();
      const open = registry.getMetricsAsArray().filter(({ name }) => !namedMetrics.has(name));
      const texts = await Promise.all(open.map(({ name }) => registry.getSingleMetricAsString(name)));
      return `${texts.join('\n\n')}\n`;
    },
  };
}

/** Whoever reads them learns which proxies there are, and who calls whom. */
export const namedMetrics: ReadonlySet<string> = new Set([
  'cellwall_edge_calls_total',
  'cellwall_proxy_config_age_seconds',
]);

/** `type.googleapis.com/envoy.config.cluster.v3.Cluster` → `Cluster`. */
function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
