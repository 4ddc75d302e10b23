// A proxy's ADS stream (delta) over mTLS, as thin as one can be, so that many fit beside the server that is measured.
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '#gen/envoy/service/discovery/v3/discovery_pb.js';

export interface Credentials {
  /** PEM. */
  readonly chain: string;
  readonly key: string;
  readonly roots: string;
}

export interface DeltaStream {
  send(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): void;
  close(): void;
}

export interface StreamOptions {
  readonly port: number;
  readonly credentials: Credentials;
  readonly onResponse: (response: DeltaDiscoveryResponse) => void;
  /** It ended, and nobody closed it. */
  readonly onEnd: (why: string) => void;
}

export function openDeltaStream({ port, credentials, onResponse, onEnd }: StreamOptions): DeltaStream {
  const { chain, key, roots } = credentials;
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    createConnection: () =>
      connectTls({
        ...{ host: '127.0.0.1', port, ca: roots, cert: chain, key, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'] },
        // A SPIFFE ID is no host name.
        checkServerIdentity: () => undefined,
      }),
  });
  let closed = false;
  const end = (why: string): void => {
    if (!closed) onEnd(why);
    closed = true;
  };
  session.on('error', ({ message }) => end(message));
  session.on('close', () => end('the connection was closed'));
  const stream = session.request({
    ':method': 'POST',
    ':path': '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', ({ message }) => end(message));
  stream.on('response', (headers) => {
    const status = headers['grpc-status'];
    if (status !== undefined) end(`grpc-status ${status}: ${headers['grpc-message']}`);
  });
  stream.on('trailers', (trailers) => end(`grpc-status ${trailers['grpc-status']}: ${trailers['grpc-message']}`));
  let held: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= 5) {
      const length = held.readUInt32BE(1);
      if (held.length < 5 + length) return;
      const message = held.subarray(5, 5 + length);
      held = held.subarray(5 + length);
      onResponse(fromBinary(DeltaDiscoveryResponseSchema, message));
    }
  });
  return {
    send(request) {
      const message = toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request));
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.write(Buffer.concat([head, message]));
    },
    close() {
      closed = true;
      session.destroy();
    },
  };
}
