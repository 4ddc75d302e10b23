// Proxies that are missed, as `status` shows them: those of identities that a document still names. Pure.

import { defined } from '../lib/defined.ts';
import { workloadOf } from '../policy/identities.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { AwayProxy } from '../registry/away.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';

/** Their state is `gone`; without a mesh there are none. */
export function awayStatus(away: readonly AwayProxy[], mesh: MeshIr | undefined): readonly ProxyStatus[] {
  return away.flatMap((proxy): ProxyStatus[] => {
    const service = mesh?.serviceOf.get(proxy.spiffeId);
    if (mesh === undefined || workloadOf(mesh.identities, proxy.spiffeId) === undefined) return [];
    return [{ ...proxy, ...defined({ service }), state: 'gone', ready: false, types: [] }];
  });
}
