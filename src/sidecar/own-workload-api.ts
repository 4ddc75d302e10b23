// The Workload API of a sidecar: its application may have the identity in its own hands, too, if it was asked for.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { createWatched, type Watched } from '../lib/watchable.ts';
import type { SidecarOptions } from './sidecar-options.ts';
import type { StoredSvid } from './svid/svid-files.ts';

export interface OwnWorkloadApi {
  open(svid: StoredSvid): Promise<void>;
  renewed(svid: StoredSvid): void;
  close(): Promise<void>;
}

/** Without `workloadApi` it does nothing, and loads nothing. */
export function createOwnWorkloadApi(
  asked: SidecarOptions['workloadApi'],
  deps: { readonly clock: Clock; readonly log: Log },
): OwnWorkloadApi {
  let held: Watched<StoredSvid> | undefined;
  let api: { close(): Promise<void> } | undefined;
  return {
    async open(svid) {
      if (asked === undefined) return;
      const { createWorkloadApi } = await import('../workload-api/workload-api.ts');
      held = createWatched(svid);
      api = await createWorkloadApi({ ...asked, ...deps, svid: held });
    },
    renewed: (svid) => held?.set(svid),
    close: async () => api?.close(),
  };
}
