// What translate needs that no document holds: roots, anchors of legacy authorities, tokens that applications expect, keys of issuers,
// and foreign trust domains.
import { type BundleSource, createBundleSource } from '../control/bundles.ts';
import type { Control } from '../control/control.ts';
import type { MeshKeys } from '../identity/jwt/mesh-keys.ts';
import { createLegacyAnchors } from '../identity/legacy/anchors.ts';
import type { Clock } from '../lib/clock.ts';
import { createEvent } from '../lib/event.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Store } from '../store/store.ts';
import type { IdentityServices } from './identity.ts';
import { type OpenedCredentials, openCredentials } from './open-credentials.ts';
import { type Federation, openFederation } from './open-federation.ts';
import { openMeshKeys } from './open-mesh-keys.ts';
import type { ServeOptions } from './serve-options.ts';

export interface OpenMaterialDeps {
  readonly options: Pick<ServeOptions, 'data' | 'credentials' | 'bundleEndpoint'>;
  readonly trustDomain: TrustDomain;
  readonly identity: Pick<IdentityServices, 'bundle' | 'foreign' | 'jwtKeys' | 'server'>;
  readonly metrics: Pick<Metrics, 'watchForeignBundles'>;
  readonly store: Pick<Store, 'table'>;
  readonly mesh: Watchable<MeshIr | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export interface Material {
  readonly bundles: BundleSource;
  readonly issuerKeys: MeshKeys;
  readonly federation: Federation;
  readonly missingCredentials: OpenedCredentials['missing'];
  /** Tells control of changes; of the bundle it is told elsewhere. */
  listen(control: Pick<Control, 'onIssuerKeys' | 'onBundle'>): void;
}

export async function openMaterial(deps: OpenMaterialDeps): Promise<Material> {
  const { options, trustDomain, identity, metrics, store, mesh, clock, log, lifecycle } = deps;
  const keysChanged = createEvent<void>();
  const issuerKeys = await openMeshKeys({
    ...{ data: options.data, store, clock, log, lifecycle },
    onChange: keysChanged.tell,
  });
  mesh.watch((now) => now && issuerKeys.follow(now.jwtIssuers.values()));
  const credentials = openCredentials({ folder: options.credentials, clock, log, lifecycle });
  const foreignChanged = createEvent<void>();
  const federation = await openFederation({
    ...{ data: options.data, endpoint: options.bundleEndpoint, store, identity, mesh, metrics, clock, log, lifecycle },
    onChange: foreignChanged.tell,
  });
  return {
    bundles: createBundleSource(identity.bundle, createLegacyAnchors(trustDomain), {
      credentials,
      foreign: federation.roots,
    }),
    federation,
    issuerKeys,
    missingCredentials: credentials.missing,
    listen(control) {
      keysChanged.listen(control.onIssuerKeys);
      credentials.watch(control.onBundle);
      foreignChanged.listen(control.onBundle);
    },
  };
}
