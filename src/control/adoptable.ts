// Whether a state may come into force on a running control plane; if not, the last good one stays, and the log says why.
import type { Log } from '../lib/log.ts';
import { trustDomainUri } from '../model/spiffe-id.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { StoreState } from '../store/store.ts';

/** The mesh to bring into force; undefined if it may not be. */
export function adoptable({ mesh, revision }: StoreState, inForce: MeshIr | undefined, log: Log): MeshIr | undefined {
  if (mesh === undefined) {
    // The store checks before it accepts; what it kept from another version may be invalid for this one.
    log.error({ revision }, 'documents do not resolve; the last good ones stay');
    return undefined;
  }
  if (inForce === undefined || inForce.trustDomain === mesh.trustDomain) return mesh;
  const [from, to] = [inForce, mesh].map(({ trustDomain }) => trustDomainUri(trustDomain));
  log.error({ from, to }, 'the trust domain cannot change in a running deployment');
  return undefined;
}
