// The identity API's side of the end of a job: whoever has its SVID gives it up. From then on its node key, and every SVID bound to it, are
// refused. The job itself may do so, too: it takes nothing from anybody else.
import type { IncomingMessage } from 'node:http';
import type { NodeRegistry } from '../identity/attestor/node-registry.ts';
import { isVouched } from '../identity/vouched.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Exchanges } from './exchanges.ts';
import type { Peer } from './identity-of.ts';
import { readBody } from './read-body.ts';

export interface ReceiveEndedDeps {
  readonly nodes: Pick<NodeRegistry, 'find' | 'end'>;
  readonly exchanges: Pick<Exchanges, 'ended'> | undefined;
}

/** What a job proved counts this long beyond its token: clocks differ. */
const laterMs = 600_000;

/** Throws `failed_precondition` for an identity that no runner vouched for. */
export function createReceiveEnded({ nodes, exchanges }: ReceiveEndedDeps) {
  return async (request: IncomingMessage, { spiffeId, nodeKey, address }: Peer): Promise<void> => {
    await readBody(request);
    const evidence = nodeKey === undefined ? undefined : (await nodes.find(nodeKey))?.evidence;
    if (nodeKey === undefined || evidence?.notAfter === undefined || !isVouched(evidence)) {
      throw new CellwallError('failed_precondition', 'only the identity of a job that a runner vouched for ends so', {
        hint: 'to be rid of a host: cellwall node evict',
      });
    }
    const { attestor, values, notAfter } = evidence;
    await nodes.end(nodeKey, notAfter + laterMs);
    exchanges?.ended({ attestor, spiffeId, nodeKey, address, values });
  };
}
