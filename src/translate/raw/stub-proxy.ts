// A proxy that is not there: what its resources would be, for judging documents before anything runs.
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { MeshIr } from '../../policy/ir.ts';
import type { Bundles, ProxyShape } from '../proxy.ts';

export const stubBundles: Bundles = { roots: 'no roots', legacyAnchors: new Map() };

/** Of documentation's own addresses (RFC 5737), which no document's port can collide with. */
export function stubShape(mesh: MeshIr, spiffeId: SpiffeId): ProxyShape {
  const service = mesh.serviceOf.get(spiffeId);
  if (service === undefined) return { spiffeId };
  return {
    spiffeId,
    service,
    inbound: { address: '192.0.2.1', port: 8443 },
    application: { address: '127.0.0.1', port: 8080 },
  };
}
