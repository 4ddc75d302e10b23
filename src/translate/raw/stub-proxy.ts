// A proxy that does not exist: what its resources would be, for judging documents before anything runs.
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { MeshIr } from '../../policy/ir.ts';
import type { Bundles, ProxyShape } from '../proxy.ts';

/** Not certificates: nothing that reads them may be given these. */
export const stubBundles: Bundles = { roots: 'no roots', legacyAnchors: new Map() };

/** From the documentation range (RFC 5737), with which no document's port can collide. */
export function stubShape(mesh: MeshIr, spiffeId: SpiffeId): ProxyShape {
  const key = mesh.serviceOf.get(spiffeId);
  const service = key === undefined ? undefined : mesh.services.get(key);
  if (service === undefined) return { spiffeId };
  return {
    spiffeId,
    service: service.key,
    ports: service.ports.map(({ port: name }, index) => ({
      name,
      inbound: { address: '192.0.2.1', port: 8443 + index },
      application: { address: '127.0.0.1', port: 8080 + index },
    })),
  };
}
