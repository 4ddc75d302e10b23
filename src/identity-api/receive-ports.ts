// The identity API's side of a report about taken ports: the verified certificate says whose it is; the body adds which instance.
import type { IncomingMessage } from 'node:http';
import { createBudget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { nodeId } from '../lib/node-id.ts';
import type { Peer } from './identity-of.ts';
import { type PortsReport, readPortsReport } from './ports-report.ts';
import { readBody } from './read-body.ts';

/** `node`: `<SPIFFE ID>~<instance>`. `nodeKey`: of the reporting host, by its SVID. */
export type PortsReceiver = (node: string, report: PortsReport, nodeKey?: string) => void;

/** Per proxy: a helper checks every 5 s. */
const pace = { burst: 10, everyMs: 2000 };

/** Accepts one report from somebody with that identity. Throws the error that the sender gets. */
export function createReceivePorts(
  clock: Pick<Clock, 'monotonic'>,
  receiver: PortsReceiver | undefined,
): (request: IncomingMessage, peer: Peer) => Promise<void> {
  const budget = createBudget({ clock, ...pace });
  return async (request, { spiffeId, nodeKey }) => {
    if (receiver === undefined) throw new CellwallError('unimplemented', 'reports of ports are not taken here');
    const report = readPortsReport(await readBody(request));
    // Counted by its certificate, not by names that it can invent.
    if (budget.spend(nodeKey ?? spiffeId) > 0) {
      throw new CellwallError('resource_exhausted', 'taken ports are reported too often', {
        hint: 'once in 5 s is enough',
      });
    }
    receiver(nodeId(spiffeId, report.instance), report, nodeKey);
  };
}
