// Attests a host that joined before, by the key that it joined with.
import { CellwallError } from '../../lib/errors.ts';
import type { Attestor } from './attestor.ts';
import type { NodeRegistry } from './node-registry.ts';

export function createNodeKeyAttestor({ nodes }: { readonly nodes: NodeRegistry }): Attestor {
  return {
    async attest(_evidence, { nodeKey }) {
      const spiffeId = await nodes.find(nodeKey);
      if (spiffeId === undefined) {
        throw new CellwallError('unauthenticated', 'this node key is not known', {
          hint: 'join with a new token: cellwall token create',
        });
      }
      await nodes.remember(nodeKey, spiffeId);
      return { spiffeId, selectors: [{ attestor: 'node-key', values: { key: nodeKey } }] };
    },
  };
}
