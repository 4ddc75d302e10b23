// All of the pipeline in this process, from a directory of documents to what streams are handed: store, judge, control, registry and cache,
// as `cellwall serve` puts them together. Its proxies are idle: they register, and accept all that they are given, as Envoy does.
import { join } from 'node:path';
import type { BundleSource } from '../../../../src/control/bundles.ts';
import { type Control, createControl } from '../../../../src/control/control.ts';
import type { Rotator } from '../../../../src/identity/rotator.ts';
import type { Svid } from '../../../../src/identity/svid.ts';
import { systemClock } from '../../../../src/lib/clock.ts';
import { type Log, silentLog } from '../../../../src/lib/log.ts';
import type { NodeId } from '../../../../src/lib/node-id.ts';
import { Redacted } from '../../../../src/lib/redacted.ts';
import type { SpiffeId } from '../../../../src/model/spiffe-id.ts';
import { createMetrics } from '../../../../src/observe/metrics.ts';
import { createOwnRegistry } from '../../../../src/registry/own-registry.ts';
import type { Registry } from '../../../../src/registry/registry.ts';
import { withApplication } from '../../../../src/registry/with-application.ts';
import { withTakenPorts } from '../../../../src/registry/with-taken-ports.ts';
import { createJudge } from '../../../../src/serve/judge.ts';
import { createDirectoryStore } from '../../../../src/store/directory.ts';
import { createMemoryStore } from '../../../../src/store/memory.ts';
import type { Store } from '../../../../src/store/store.ts';
import { createSnapshotCache } from '../../../../src/xds/resources/cache.ts';

export interface Pipeline {
  readonly store: Store;
  readonly control: Control;
  readonly registry: Registry;
  /** A proxy connects, and accepts from then on all that it is handed. */
  connect(proxy: IdleProxy): void;
  /** What was handed to proxies since it was asked last. */
  pushes(): readonly Push[];
  /** A counter of the metrics, without `cellwall_` and `_total`. */
  counted(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** Something new was handed to the stream of a proxy. */
export interface Push {
  readonly node: NodeId;
  /** Of `performance.now`. */
  readonly at: number;
}

export interface IdleProxy {
  readonly node: NodeId;
  readonly address: string;
  readonly port: number;
}

/** `from`: a directory of documents; or a store in memory, which is empty, and who hears what is logged. */
export async function startPipeline(
  work: string,
  from: string | { readonly memory: true; readonly log: Log },
): Promise<Pipeline> {
  const clock = systemClock;
  const log = typeof from === 'string' ? silentLog : from.log;
  const metrics = createMetrics({ process: false });
  const judge = createJudge({ metrics });
  const judging = { check: judge.check, log, clock };
  const store =
    typeof from === 'string'
      ? await createDirectoryStore({
          ...{ documents: from, state: join(work, 'state'), onParsed: metrics.parsedFile, ...judging },
        })
      : createMemoryStore(judging);
  const cache = createSnapshotCache();
  const onChange: Control['onRegistryChange'] = (change) => control.onRegistryChange(change);
  const watched = { clock, log, onChange };
  const registry = withTakenPorts(
    withApplication(createOwnRegistry({ leases: store.table('leases'), ...watched }), watched),
  );
  const control = createControl({
    ...{ store, bundles, rotator, cache, registry, clock, log, metrics, cuts: store.table('cuts') },
  });
  await control.start();
  let pushes: Push[] = [];
  let streams = 0;
  return {
    ...{ store, control, registry },
    connect({ node, address, port }) {
      const stream = ++streams;
      let waiting = false;
      const had = new Map<string, unknown>();
      const flush = (): void => {
        waiting = false;
        const snapshot = cache.get(node);
        if (snapshot === undefined) return;
        const types = [...snapshot.resources].filter(([typeUrl, names]) => had.get(typeUrl) !== names);
        if (types.length === 0) return;
        pushes.push({ node, at: performance.now() });
        const { revision } = snapshot;
        for (const [typeUrl, names] of types) {
          had.set(typeUrl, names);
          const of = { stream, node, typeUrl, nonce: 'n', version: 'v', revision };
          control.onStream({ kind: 'sent', ...of, resources: names.size });
          control.onStream({ kind: 'acked', ...of, refused: 0 });
        }
      };
      const wake = (): void => {
        if (!waiting) setImmediate(flush);
        waiting = true;
      };
      const metadata = { cellwall: { inbound: `${address}:${port}`, application: '127.0.0.1:80' } };
      const claims = { id: node, cluster: '', userAgent: 'envoy/1.40.0', metadata };
      control.onStream({ kind: 'connected', stream, node, claims, peer: { address } });
      cache.watch(node, wake);
    },
    pushes() {
      const those = pushes;
      pushes = [];
      return those;
    },
    async counted(name) {
      return Number(new RegExp(`^cellwall_${name}_total (\\d+)$`, 'm').exec(await metrics.text())?.[1] ?? 0);
    },
    async stop() {
      control.stop();
      await store.close();
    },
  };
}

const bundles: BundleSource = (() => {
  const those = { roots: 'roots', legacyAnchors: new Map<string, string>() };
  return { of: () => those };
})();

const rotator: Rotator = {
  ensure: async (_, spiffeId) => svidOf(spiffeId),
  current: () => undefined,
  rotate: async () => undefined,
  rotateAll: async () => ({ rotated: 0, failed: 0 }),
  release: () => {},
  close: () => {},
};

function svidOf(spiffeId: SpiffeId): Svid {
  const day = new Date(Date.UTC(2026, 0, 2));
  return { spiffeId, chain: 'chain', key: new Redacted('key'), serial: '01', notBefore: day, notAfter: day };
}
