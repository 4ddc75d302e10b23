// What translate needs that no document holds: roots, anchors of legacy authorities, tokens that applications expect, and keys of issuers.
import { type BundleSource, createBundleSource } from '../control/bundles.ts';
import type { Control } from '../control/control.ts';
import type { MeshKeys } from '../identity/jwt/mesh-keys.ts';
import { createLegacyAnchors } from '../identity/legacy/anchors.ts';
import type { TrustBundle } from '../identity/trust-bundle.ts';
import type { Clock } from '../lib/clock.ts';
import { createEvent } from '../lib/event.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Store } from '../store/store.ts';
import { type OpenedCredentials, openCredentials } from './open-credentials.ts';
import { openMeshKeys } from './open-mesh-keys.ts';
import type { ServeOptions } from './serve-options.ts';

export interface OpenMaterialDeps {
  readonly options: Pick<ServeOptions, 'data' | 'credentials'>;
  readonly trustDomain: TrustDomain;
  readonly bundle: Watchable<TrustBundle>;
  readonly store: Pick<Store, 'table'>;
  readonly mesh: Watchable<MeshIr | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export interface Material {
  readonly bundles: BundleSource;
  readonly issuerKeys: MeshKeys;
  readonly missingCredentials: OpenedCredentials['missing'];
  /** Tells control of changes; of the bundle it is told elsewhere. */
  listen(control: Pick<Control, 'onIssuerKeys' | 'onBundle'>): void;
}

export async function openMaterial(deps: OpenMaterialDeps): Promise<Material> {
  const { options, trustDomain, bundle, store, mesh, clock, log, lifecycle } = deps;
  const keysChanged = createEvent<void>();
  const issuerKeys = await openMeshKeys({
    ...{ data: options.data, store, clock, log, lifecycle },
    onChange: keysChanged.tell,
  });
  mesh.watch((now) => now && issuerKeys.follow(now.jwtIssuers.values()));
  const credentials = openCredentials({ folder: options.credentials, clock, log, lifecycle });
  return {
    bundles: createBundleSource(bundle, createLegacyAnchors(trustDomain), { credentials }),
    issuerKeys,
    missingCredentials: credentials.missing,
    listen(control) {
      keysChanged.listen(control.onIssuerKeys);
      credentials.watch(control.onBundle);
    },
  };
}
