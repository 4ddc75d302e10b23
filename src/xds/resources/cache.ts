// The cache between the publisher and the stream server: one snapshot per proxy. The stream server knows nothing else.

import type { NodeId } from '../../lib/node-id.ts';
import type { Snapshot } from './snapshot.ts';

export interface SnapshotCache {
  /** The proxy's snapshot; while it is undefined, its streams are held: nothing is answered before a complete snapshot exists. */
  get(node: NodeId): Snapshot | undefined;
  /** Replaces a proxy's snapshot and wakes its streams. The same object again changes nothing. */
  set(node: NodeId, snapshot: Snapshot): void;
  delete(node: NodeId): void;
  /** Calls `wake` after each change of that proxy's snapshot. The returned function unsubscribes. */
  watch(node: NodeId, wake: () => void): () => void;
}

/** In memory. Deleting a snapshot wakes nobody. */
export function createSnapshotCache(): SnapshotCache {
  const snapshots = new Map<NodeId, Snapshot>();
  const watchers = new Map<NodeId, Set<() => void>>();
  return {
    get: (node) => snapshots.get(node),
    set(node, snapshot) {
      if (snapshots.get(node) === snapshot) return;
      snapshots.set(node, snapshot);
      for (const wake of watchers.get(node) ?? []) wake();
    },
    delete(node) {
      snapshots.delete(node);
    },
    watch(node, wake) {
      const set = watchers.get(node) ?? new Set();
      watchers.set(node, set.add(wake));
      return () => {
        set.delete(wake);
        if (set.size === 0 && watchers.get(node) === set) watchers.delete(node);
      };
    },
  };
}
