// A proxy in a process of its own, so that nothing but the control plane holds up what it is sent. It tells its parent when each push came.

import { editOf } from './documents.ts';
import { joinHost, prepareHosts } from './join.ts';
import type { Join, Ready } from './server.ts';

export interface WatchOrder {
  readonly ready: Ready;
  readonly join: Join;
}

export type WatchNews =
  | { readonly kind: 'joined' }
  | { readonly kind: 'push'; readonly edit: number; readonly at: number };

/** Milliseconds, the same in every process of this machine. */
export function machineTime(): number {
  return performance.timeOrigin + performance.now();
}

process.once('message', ({ ready, join }: WatchOrder) => {
  const tell = (news: WatchNews): void => void process.send?.(news);
  void prepareHosts([join]).then(async ([host]) => {
    if (host === undefined) return;
    await joinHost(host, ready, ({ resources }) => {
      const at = machineTime();
      for (const { resource } of resources) {
        const edit = resource === undefined ? undefined : editOf(resource.value);
        if (edit !== undefined) tell({ kind: 'push', edit, at });
      }
    });
    tell({ kind: 'joined' });
  });
});
process.once('disconnect', () => process.exit(0));
