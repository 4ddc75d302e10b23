// The identity API's side of reported counters: who reports is what its verified certificate says; the body adds which instance.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { CellwallError } from '../lib/errors.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import { type CountersReport, readCountersReport } from './counters-report.ts';
import { noCertificate } from './identity-of.ts';
import { readBody } from './read-body.ts';

/** `node`: `<SPIFFE ID>~<instance>`. `begunAt`: monotonic, before the counters were read. Throws what the reporter is told. */
export type CountersReceiver = (node: string, report: CountersReport, begunAt: number) => void;

export interface ReceiveCounters {
  /** Call for every new TCP connection, before its handshake: the reporter begins to read after that. */
  opened(socket: Socket): void;
  /** `spiffeId`: of the verified certificate. */
  take(request: IncomingMessage, spiffeId: SpiffeId): Promise<void>;
}

export interface ReceiveCountersDeps {
  readonly clock: { monotonic(): number };
  readonly receiver: CountersReceiver | undefined;
}

export function createReceiveCounters({ clock, receiver }: ReceiveCountersDeps): ReceiveCounters {
  /** By the peer's address: the socket of a request is not that of its connection. */
  const openedAt = new Map<string, number>();
  return {
    opened(socket) {
      const peer = peerOf(socket);
      openedAt.set(peer, clock.monotonic());
      socket.once('close', () => openedAt.delete(peer));
    },
    async take(request, spiffeId) {
      const { socket } = request;
      const begunAt = openedAt.get(peerOf(socket));
      if (begunAt === undefined) throw noCertificate();
      // One report a connection: a second one's counters may have been read long after it began.
      openedAt.delete(peerOf(socket));
      if (receiver === undefined) throw new CellwallError('unimplemented', 'counters are not taken here');
      const report = readCountersReport(await readBody(request));
      receiver(`${spiffeId}~${report.instance}`, report, begunAt);
    },
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
