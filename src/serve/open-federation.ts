// Federation: the bundles of foreign trust domains that the mesh names, and our own bundle endpoint.
import { join } from 'node:path';
import type { ForeignRoots } from '../control/bundles.ts';
import { type EndpointCredentials, openBundleEndpoint } from '../identity/federation/bundle-endpoint.ts';
import { createForeignBundles, type ForeignBundles } from '../identity/federation/foreign-bundles.ts';
import { createPublishedBundle } from '../identity/federation/published-bundle.ts';
import { createSealedTable, sealKey } from '../identity/sealed-table.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import { listening } from '../lib/listening.ts';
import type { Log } from '../lib/log.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Store } from '../store/store.ts';
import type { IdentityServices } from './identity.ts';
import type { ServeOptions } from './serve-options.ts';
import { openTlsFiles } from './tls-files.ts';

export interface FederationParts {
  readonly data: string;
  readonly endpoint: ServeOptions['bundleEndpoint'];
  readonly store: Pick<Store, 'table'>;
  readonly identity: Pick<IdentityServices, 'bundle' | 'foreign' | 'jwtKeys' | 'server'>;
  readonly mesh: Watchable<MeshIr | undefined>;
  readonly metrics: Pick<Metrics, 'watchForeignBundles'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  /** The roots of a foreign trust domain have changed. */
  readonly onChange: () => void;
}

export interface Federation {
  readonly roots: ForeignRoots;
  readonly status: ForeignBundles['status'];
  /** Where our own bundle is served; absent: nowhere. */
  readonly listens?: HostPort;
}

const table = 'foreign-bundles';

export async function openFederation(parts: FederationParts): Promise<Federation> {
  const { data, store, identity, mesh, metrics, clock, log, lifecycle, onChange } = parts;
  const key = sealKey(join(data, 'seal.key'));
  const foreign = createForeignBundles({
    ...{ table: createSealedTable({ table: store.table(table), name: table, key, log }), own: identity.bundle },
    ...{ clock, log },
    onChange() {
      identity.foreign.set(foreign.all());
      onChange();
    },
  });
  lifecycle.defer('foreign bundles', async () => foreign.stop());
  await foreign.restore();
  let followed: MeshIr['trustBundles'];
  const unwatch = mesh.watch((now) => {
    if (now === undefined || now.trustBundles === followed) return;
    followed = now.trustBundles;
    foreign.follow(followed?.values() ?? []);
    identity.foreign.set(foreign.all());
  });
  lifecycle.defer('federation', async () => unwatch());
  metrics.watchForeignBundles(foreign.status, clock.now);
  const listens = await listen(parts);
  return { roots: (source) => foreign.of(source)?.roots ?? [], status: foreign.status, ...defined({ listens }) };
}

const hint =
  '--bundle-tls-cert and --bundle-tls-key are PEM files that this user can read; without them the control plane uses its own SVID';

async function listen({
  data,
  endpoint,
  identity,
  clock,
  log,
  lifecycle,
}: FederationParts): Promise<HostPort | undefined> {
  if (endpoint === undefined) return undefined;
  const { address, files } = endpoint;
  const own = (): EndpointCredentials => {
    const { chain, key } = identity.server.current();
    if (key === undefined) throw new CellwallError('internal', 'the server certificate has no key');
    return { certificate: chain, key };
  };
  const kept = files === undefined ? undefined : openTlsFiles({ files, port: 'the bundle endpoint', hint, clock, log });
  const { bundle, jwtKeys } = identity;
  const body = createPublishedBundle({ bundle, jwtKeys, file: join(data, 'published-bundle.json'), clock, log });
  const server = await listening({ what: 'the bundle endpoint', flag: '--bundle-listen', address }, () =>
    openBundleEndpoint({ address, credentials: kept?.first ?? own(), body, log }),
  );
  const unwatch = kept?.watch(server.rotate) ?? identity.server.watch(() => server.rotate(own()));
  lifecycle.defer('bundle endpoint', async () => {
    unwatch();
    await server.close();
  });
  return server.address;
}
