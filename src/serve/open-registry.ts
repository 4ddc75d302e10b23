// The registry of proxies over the store's leases: of this control plane alone, or shared with other replicas of it.
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { createHeldLosses } from '../registry/held-losses.ts';
import { createOwnRegistry } from '../registry/own-registry.ts';
import type { RegistryChange } from '../registry/registered-proxy.ts';
import type { Replicas } from '../registry/replicas.ts';
import { shareApplications } from '../registry/share-applications.ts';
import { createSharedRegistry } from '../registry/shared-registry.ts';
import { withApplication } from '../registry/with-application.ts';
import { withTakenPorts } from '../registry/with-taken-ports.ts';
import type { Store } from '../store/store.ts';

export interface OpenRegistryDeps {
  readonly store: Pick<Store, 'table'>;
  /** Absent: nobody shares the store. */
  readonly replicas: Replicas | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  readonly metrics: Pick<Metrics, 'watchEndpoints'>;
  readonly onChange: (change: RegistryChange) => void;
}

export function openRegistry({ store, replicas, clock, log, lifecycle, metrics, onChange }: OpenRegistryDeps) {
  const leases = store.table('leases');
  const losses = createHeldLosses({ table: store.table('held-endpoints'), clock, log, onChange });
  lifecycle.defer('held endpoints', losses.stop);
  metrics.watchEndpoints(losses.count);
  const watched = { clock, log, onChange: losses.onChange };
  if (replicas === undefined)
    return losses.of(withTakenPorts(withApplication(createOwnRegistry({ leases, ...watched }), watched)));
  const registry = createSharedRegistry({ leases, replicas, ...watched });
  const shared = shareApplications({ table: store.table('applications'), log });
  lifecycle.defer('leases', () => {
    registry.stop();
    shared.stop();
  });
  return losses.of(withTakenPorts(withApplication(registry, { ...watched, shared })));
}
