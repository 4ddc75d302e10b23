// The store, and what decides which of its documents may come into force.
import { join } from 'node:path';
import { createEditGate, type EditGate } from '../cutover/edit-gate.ts';
import { knownRoot } from '../identity/ca/known-root.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ChangeTraces } from '../tracing/change-traces.ts';
import { createDirectReview, type LateDirectReview } from './direct-review.ts';
import { followRecent } from './follow-recent.ts';
import { holdChanges } from './hold-changes.ts';
import { createJudge, type Judge } from './judge.ts';
import { type OpenedStore, openStore } from './open-store.ts';
import { openTracing } from './open-tracing.ts';
import type { ServeOptions } from './serve-options.ts';

export interface OpenDocumentsDeps {
  readonly metrics: Metrics;
  /** Of the program. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export interface OpenDocuments extends OpenedStore {
  readonly judge: Judge;
  readonly editGate: EditGate;
  readonly review: LateDirectReview;
  /** Absent: changes are not traced. */
  readonly traces: ChangeTraces | undefined;
  readonly limits: ReturnType<typeof holdChanges>['limits'];
}

export async function openDocuments(options: ServeOptions, deps: OpenDocumentsDeps): Promise<OpenDocuments> {
  const { metrics, clock, log, lifecycle } = deps;
  const traces = openTracing(options, deps);
  const judge = createJudge({ proxyCode: options.allowProxyCode === true, metrics, ...defined({ traces }) });
  if (options.allowProxyCode) log.warn({}, 'whoever writes documents may run code in proxies: --allow-proxy-code');
  const root = knownRoot(join(options.data, 'ca'));
  if (root !== undefined) judge.bind(root.trustDomain);
  const editGate = createEditGate({ clock, log: log.child({ room: 'control' }) });
  lifecycle.defer('edit gate', async () => editGate.stop());
  const held = { metrics, editGate, clock, log: log.child({ room: 'control' }) };
  const { limits, holding, recent } = holdChanges(options, held);
  const review = createDirectReview(clock);
  const storeDeps = { check: judge.check, holding, review, onParsed: metrics.parsedFile, clock, log };
  const opened = await openStore(options, storeDeps);
  const { store } = opened;
  lifecycle.defer('store', store.close);
  lifecycle.defer('recent states', await followRecent({ store, recent, check: judge.check, clock }));
  return { ...opened, judge, editGate, review, traces, limits };
}
