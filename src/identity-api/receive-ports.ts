// The identity API's side of a report of taken ports: whose it is, is what the verified certificate says; the body adds which instance.
import type { IncomingMessage } from 'node:http';
import { createBudget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { nodeId } from '../lib/node-id.ts';
import type { Peer } from './identity-of.ts';
import { type PortsReport, readPortsReport } from './ports-report.ts';
import { readBody } from './read-body.ts';

/** `node`: `<SPIFFE ID>~<instance>`. `nodeKey`: of the host that says it, by its SVID. */
export type PortsReceiver = (node: string, report: PortsReport, nodeKey?: string) => void;

/** Of one proxy: a helper looks every 5 s. */
const pace = { burst: 10, everyMs: 2000 };

/** Takes one report of who has that identity. Throws what the one who sends it is told. */
export function createReceivePorts(
  clock: Pick<Clock, 'monotonic'>,
  receiver: PortsReceiver | undefined,
): (request: IncomingMessage, peer: Peer) => Promise<void> {
  const budget = createBudget({ clock, ...pace });
  return async (request, { spiffeId, nodeKey }) => {
    if (receiver === undefined) throw new CellwallError('unimplemented', 'reports of ports are not taken here');
    const report = readPortsReport(await readBody(request));
    // By whose certificate it is, not by the names that it may make up.
    if (budget.spend(nodeKey ?? spiffeId) > 0) {
      throw new CellwallError('resource_exhausted', 'taken ports are reported too often', {
        hint: 'once in 5 s is enough',
      });
    }
    receiver(nodeId(spiffeId, report.instance), report, nodeKey);
  };
}
