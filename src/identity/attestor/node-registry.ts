// Which identity a node key was given, so that a host that restarts with its key needs no new token.
import type { Table } from '../../lib/table.ts';
import { parseSpiffeId, type SpiffeId } from '../../model/spiffe-id.ts';

export interface NodeRegistry {
  remember(nodeKey: string, spiffeId: SpiffeId): Promise<void>;
  find(nodeKey: string): Promise<SpiffeId | undefined>;
  /** Forgets every key of an identity: none of its hosts may return without a new token. */
  forget(spiffeId: SpiffeId): Promise<number>;
}

/** A key that was not used for so long, for renewals neither, is forgotten: longer than any outage. */
const keepMs = 400 * 86_400_000;

export function createNodeRegistry(table: Table): NodeRegistry {
  return {
    remember: (nodeKey, spiffeId) => table.set(nodeKey, spiffeId, { ttlMs: keepMs }),
    async find(nodeKey) {
      const value = await table.get(nodeKey);
      return typeof value === 'string' ? parseSpiffeId(value) : undefined;
    },
    async forget(spiffeId) {
      const keys = (await table.list()).filter(({ value }) => value === spiffeId);
      for (const { key } of keys) await table.delete(key);
      return keys.length;
    },
  };
}
