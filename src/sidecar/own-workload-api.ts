// The Workload API of a sidecar: its application may have the identity in its own hands, too, if it was asked for.
import type { Clock } from '../lib/clock.ts';
import type { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { createWatched, type Watched } from '../lib/watchable.ts';
import type { ControlPlanes } from './servers/control-planes.ts';
import type { SidecarOptions } from './sidecar-options.ts';
import type { StoredSvid } from './svid/svid-files.ts';

export interface OwnWorkloadApi {
  open(svid: StoredSvid, servers: ControlPlanes): Promise<void>;
  renewed(svid: StoredSvid): void;
  /** Nobody gets the identity there any more. */
  refused(reason: CellwallError): void;
  accepted(): void;
  close(): Promise<void>;
}

/** Without `workloadApi` it does nothing, and loads nothing. */
export function createOwnWorkloadApi(
  asked: SidecarOptions['workloadApi'],
  deps: { readonly clock: Clock; readonly log: Log },
): OwnWorkloadApi {
  const refusal = createWatched<CellwallError | undefined>(undefined);
  let held: Watched<StoredSvid> | undefined;
  const closing = new AbortController();
  let api: { close(): Promise<void> } | undefined;
  return {
    async open(first, servers) {
      if (asked === undefined) return;
      const [{ createWorkloadApi }, { createJwtSource }] = await Promise.all([
        import('../workload-api/workload-api.ts'),
        import('./svid/jwt-source.ts'),
      ]);
      const svid = createWatched(first);
      held = svid;
      const jwt = createJwtSource({ ...deps, servers, svid: svid.value, signal: closing.signal });
      api = await createWorkloadApi({ ...asked, ...deps, svid, jwt, refusal });
    },
    renewed: (svid) => held?.set(svid),
    refused: refusal.set,
    accepted: () => refusal.set(undefined),
    async close() {
      closing.abort();
      await api?.close();
    },
  };
}
