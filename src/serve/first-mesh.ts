// Waits for the first Mesh document: without a trust domain there is no CA, and no port for proxies is opened.

import { whyNoMesh } from '../admin/why-no-mesh.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Store } from '../store/store.ts';

/** Rejects with `unavailable` once `signal` is aborted. */
export function firstMesh(store: Store, log: Log, signal: AbortSignal): Promise<MeshIr> {
  const there = store.state()?.mesh;
  if (there !== undefined) return Promise.resolve(there);
  for (const problem of store.problems()) log.error({ ...problem }, 'documents refused');
  log.warn({}, `${whyNoMesh(store)}: only the admin API is open until there is a Mesh`);
  return new Promise((resolveWait, reject) => {
    const found = new AbortController();
    const unwatch = store.watch((event) => {
      const mesh = event.kind === 'state' ? event.state.mesh : undefined;
      if (mesh === undefined) return;
      found.abort();
      unwatch();
      resolveWait(mesh);
    });
    const stop = (): void => {
      unwatch();
      reject(new CellwallError('unavailable', 'stopped before there was a Mesh document'));
    };
    // If it was stopped while the store was being opened, it would wait for ever.
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true, signal: found.signal });
  });
}
