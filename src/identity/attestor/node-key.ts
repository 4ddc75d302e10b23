// Attests a host that joined before, by the key that it joined with: it proves what was proved then, as long as that is valid.
import { CellwallError } from '../../lib/errors.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';

/** Throws `unauthenticated` for an unknown key, and once what it joined with has ended. */
export function createNodeKeyAttestor({ nodes, clock }: Pick<AttestorDeps, 'nodes' | 'clock'>): Attestor {
  return {
    async attest(_evidence, { nodeKey }) {
      const known = await nodes.find(nodeKey);
      if (known === undefined) {
        throw new CellwallError('unauthenticated', 'this node key is not known', {
          hint: 'join with a new token: cellwall token create',
        });
      }
      const { notAfter } = known.evidence;
      if (notAfter === undefined || notAfter > clock.now()) return known.evidence;
      throw new CellwallError('unauthenticated', 'what this host joined with has ended', {
        hint: 'join again, with new evidence',
      });
    },
  };
}
