// One protocol's two ways to send a request: on a kept connection through the sidecar, or on a new mTLS connection.
import { Agent } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { requestGrpc } from '../wire/grpc.ts';
import { requestHttp1 } from '../wire/http1.ts';
import { openHttp2, requestHttp2 } from '../wire/http2.ts';
import { failed, type Outcome } from '../wire/outcome.ts';
import { connectTls, secureContext, type TlsMaterial } from '../wire/tls.ts';
import { pingValkey } from '../wire/valkey.ts';
import type { LanePlan, LoadProtocol } from './plan.ts';

export interface Lane {
  kept(worker: number): Promise<Outcome>;
  fresh(): Promise<{ readonly outcome: Outcome; readonly serial?: string }>;
  renew(material: TlsMaterial): void;
  reopened(): number;
  close(): void;
}

const classifyMethod = 'gitlab.cells.topology_service.ClassifyService/Classify';
const classifyRequest = { type: 'FIRST_CELL' };
const alpn: Readonly<Record<LoadProtocol, readonly string[] | undefined>> = {
  http1: ['http/1.1'],
  http2: ['h2'],
  grpc: ['h2'],
  tcp: undefined,
};

export function createLane(plan: LanePlan): Lane {
  const { protocol, fresh } = plan;
  const protocols = alpn[protocol];
  let context = secureContext(fresh.material);
  const kept = keep(plan);
  return {
    kept: kept.send,
    reopened: kept.reopened,
    async fresh() {
      try {
        const { socket, serial } = await connectTls({
          address: fresh.address,
          expect: fresh.expect,
          context,
          ...(protocols === undefined ? {} : { alpn: protocols }),
        });
        const outcome = await sendOn(socket, protocol);
        socket.destroy();
        return { outcome, serial };
      } catch (reason) {
        return { outcome: failed(reason) };
      }
    },
    renew(material) {
      context = secureContext(material);
    },
    close: kept.close,
  };
}

async function sendOn(socket: TLSSocket, protocol: LoadProtocol): Promise<Outcome> {
  switch (protocol) {
    case 'http1':
      return requestHttp1({ socket }, { method: 'GET', path: '/' });
    case 'http2':
      return requestHttp2(openHttp2({ socket }), 'GET', '/v2/');
    case 'grpc':
      return requestGrpc(openHttp2({ socket }), classifyMethod, classifyRequest);
    case 'tcp':
      return pingValkey(socket);
    default:
      return protocol satisfies never;
  }
}

interface Kept {
  readonly send: (worker: number) => Promise<Outcome>;
  readonly reopened: () => number;
  readonly close: () => void;
}

function keep({ protocol, kept: { address } }: LanePlan): Kept {
  switch (protocol) {
    case 'http1': {
      const agent = new Agent({ keepAlive: true });
      return {
        send: () => requestHttp1({ address, agent }, { method: 'POST', path: '/api/v4/internal/allowed', json: {} }),
        reopened: () => 0,
        close: () => agent.destroy(),
      };
    }
    case 'http2':
      return keepSession(address, (session) => requestHttp2(session, 'GET', '/v2/'));
    case 'grpc':
      return keepSession(address, (session) => requestGrpc(session, classifyMethod, classifyRequest));
    case 'tcp':
      return keepSockets(address);
    default:
      return protocol satisfies never;
  }
}

function keepSession(address: string, send: (session: ClientHttp2Session) => Promise<Outcome>): Kept {
  let session: ClientHttp2Session | undefined;
  let opened = 0;
  return {
    send() {
      // `closed` is true from the peer's GOAWAY on: what is under way still ends well, new requests need a new session.
      if (session === undefined || session.closed || session.destroyed) {
        session = openHttp2({ address });
        opened += 1;
      }
      return send(session);
    },
    reopened: () => Math.max(opened - 1, 0),
    close: () => session?.destroy(),
  };
}

/** One socket a worker: a PING waits for its PONG. */
function keepSockets(address: string): Kept {
  const [host = '', port = ''] = address.split(':');
  const sockets = new Map<number, Socket>();
  let reopened = 0;
  return {
    send(worker) {
      let socket = sockets.get(worker);
      if (socket === undefined || socket.destroyed || socket.readableEnded) {
        if (socket !== undefined) reopened += 1;
        socket = connect({ host, port: Number(port), noDelay: true });
        socket.on('error', () => socket?.destroy());
        sockets.set(worker, socket);
      }
      return pingValkey(socket);
    },
    reopened: () => reopened,
    close: () => {
      for (const socket of sockets.values()) socket.destroy();
    },
  };
}
