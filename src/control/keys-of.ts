// Who makes a proxy's keys: the helper beside it, or the control plane. By what its Workload says and what it is capable of. Pure.
import { workloadOf } from '../policy/identities.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';

/** `none`: its Workload allows no key but its own, and it has none. */
export type Keys = 'local' | 'pushed' | 'none';

export function keysOf(mesh: MeshIr, { spiffeId, secrets }: Pick<RegisteredProxy, 'spiffeId' | 'secrets'>): Keys {
  switch (workloadOf(mesh.identities, spiffeId)?.secrets) {
    case 'local':
      return secrets ?? 'none';
    case 'pushed':
      return 'pushed';
    case undefined:
      return secrets ?? 'pushed';
  }
}

/** For people. */
export const noKeys = {
  reason: 'its Workload says `secrets: local`, and no helper beside it keeps its key',
  hint: 'start it by `cellwall sidecar` of this version, or say `secrets: pushed` in its Workload',
} as const;
