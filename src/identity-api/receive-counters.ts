// The identity API's side of reported counters: the verified certificate says who reports; the body adds which instance.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { nodeId } from '../lib/node-id.ts';
import { type CountersReport, readCountersReport } from './counters-report.ts';
import { noCertificate, type Peer } from './identity-of.ts';
import { readBody } from './read-body.ts';

/**
 * `from`: the proxy as it claims, `<SPIFFE ID>~<instance>`, and the host that it is on by its SVID. `begunAt`: monotonic, before the
 * counters were read. Throws the error that the reporter gets.
 */
export type CountersReceiver = (
  from: { readonly node: string; readonly nodeKey?: string; readonly address: string },
  report: CountersReport,
  begunAt: number,
) => void;

export interface ReceiveCounters {
  /** Call for every new TCP connection, before its handshake: the reporter starts reading after that. */
  opened(socket: Socket): void;
  /** `peer`: by the verified certificate. */
  take(request: IncomingMessage, peer: Peer): Promise<void>;
}

export interface ReceiveCountersDeps {
  readonly clock: { monotonic(): number };
  readonly receiver: CountersReceiver | undefined;
}

/** Without a receiver, reports are refused (`unimplemented`). */
export function createReceiveCounters({ clock, receiver }: ReceiveCountersDeps): ReceiveCounters {
  /** By the peer's address: a request's socket object is not that of its connection. */
  const openedAt = new Map<string, number>();
  return {
    opened(socket) {
      const peer = peerOf(socket);
      openedAt.set(peer, clock.monotonic());
      socket.once('close', () => openedAt.delete(peer));
    },
    async take(request, { spiffeId, nodeKey, address }) {
      const { socket } = request;
      const begunAt = openedAt.get(peerOf(socket));
      if (begunAt === undefined) throw noCertificate();
      // One report per connection: a second one's counters may have been read long after it was opened.
      openedAt.delete(peerOf(socket));
      if (receiver === undefined) throw new CellwallError('unimplemented', 'counters are not taken here');
      const report = readCountersReport(await readBody(request));
      const node = nodeId(spiffeId, report.instance);
      receiver({ node, address, ...defined({ nodeKey }) }, report, begunAt);
    },
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
