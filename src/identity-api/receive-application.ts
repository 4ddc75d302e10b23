// The identity API's side of a report about an application: the verified certificate says whose it is; the body adds which instance.
import type { IncomingMessage } from 'node:http';
import { createBudget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { nodeId } from '../lib/node-id.ts';
import { type ApplicationReport, readApplicationReport } from './application-report.ts';
import type { Peer } from './identity-of.ts';
import { readBody } from './read-body.ts';

/** `node`: `<SPIFFE ID>~<instance>`. `nodeKey`: of the reporting host, by its SVID. */
export type ApplicationReceiver = (node: string, report: ApplicationReport, nodeKey?: string) => void;

/** Per proxy: a helper checks once a second. Each that says something new is a line in the log, and work for all. */
const pace = { burst: 30, everyMs: 1000 };

/** Accepts one report from somebody with that identity. Throws the error that the sender gets. */
export function createReceiveApplication(
  clock: Pick<Clock, 'monotonic'>,
  receiver: ApplicationReceiver | undefined,
): (request: IncomingMessage, peer: Peer) => Promise<void> {
  const budget = createBudget({ clock, ...pace });
  return async (request, { spiffeId, nodeKey }) => {
    if (receiver === undefined) throw new CellwallError('unimplemented', 'reports of applications are not taken here');
    const report = readApplicationReport(await readBody(request));
    // Counted by its certificate, not by names that it can invent.
    if (budget.spend(nodeKey ?? spiffeId) > 0) {
      throw new CellwallError('resource_exhausted', 'the application is reported too often', {
        hint: 'once a second is enough',
      });
    }
    receiver(nodeId(spiffeId, report.instance), report, nodeKey);
  };
}
