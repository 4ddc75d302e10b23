// The identity API's side of a report of an application: whose it is, is what the verified certificate says; the body adds which
// instance.
import type { IncomingMessage } from 'node:http';
import { CellwallError } from '../lib/errors.ts';
import { type ApplicationReport, readApplicationReport } from './application-report.ts';
import type { Peer } from './identity-of.ts';
import { readBody } from './read-body.ts';

/** `node`: `<SPIFFE ID>~<instance>`. `nodeKey`: of the host that says it, by its SVID. */
export type ApplicationReceiver = (node: string, report: ApplicationReport, nodeKey?: string) => void;

/** Takes one report of who has that identity. Throws what the one who sends it is told. */
export function createReceiveApplication(
  receiver: ApplicationReceiver | undefined,
): (request: IncomingMessage, peer: Peer) => Promise<void> {
  return async (request, { spiffeId, nodeKey }) => {
    if (receiver === undefined) throw new CellwallError('unimplemented', 'reports of applications are not taken here');
    const report = readApplicationReport(await readBody(request));
    receiver(`${spiffeId}~${report.instance}`, report, nodeKey);
  };
}
