// A raw xDS client over grpc-js: sends exactly what a test says, ACKs nothing by itself.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type DeltaDiscoveryRequestSchema as DeltaRequestSchema,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
  type DiscoveryRequestSchema as RequestSchema,
} from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import type { TestCertificate } from './test-ca.ts';

export interface RawStream<Init, Response> {
  send(request: Init): void;
  sendBytes(bytes: Buffer): void;
  /** The next response, in order. Fails if the stream ends or nothing comes in time. */
  next(deadlineMs?: number): Promise<Response>;
  /** Responses that came and were not taken. */
  readonly waiting: readonly Response[];
  /** How the stream ended. */
  readonly ended: Promise<grpc.StatusObject>;
  /** Stops or goes on reading. */
  pause(): void;
  resume(): void;
  end(): void;
  cancel(): void;
}

export type SotwStream = RawStream<MessageInitShape<typeof RequestSchema>, DiscoveryResponse>;
export type DeltaStream = RawStream<MessageInitShape<typeof DeltaRequestSchema>, DeltaDiscoveryResponse>;

export interface RawXdsClient {
  sotw(method?: string): SotwStream;
  delta(method?: string): DeltaStream;
  close(): void;
}

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const defaultDeadlineMs = 5000;

/** `server`: a port on this host, or `host:port`. */
export function createRawXdsClient(server: number | string, tls?: TestCertificate): RawXdsClient {
  const credentials =
    tls === undefined
      ? grpc.credentials.createInsecure()
      : grpc.credentials.createSsl(Buffer.from(tls.root), Buffer.from(tls.key), Buffer.from(tls.certificate), {
          // A SPIFFE ID is no host name.
          checkServerIdentity: () => undefined,
        });
  const client = new grpc.Client(typeof server === 'number' ? `127.0.0.1:${server}` : server, credentials, {
    // A channel of its own, so that a test's connection is its own.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
  });
  const same = (bytes: Buffer): Buffer => bytes;
  // `client.close()` waits for open calls, and these are open until somebody ends them.
  const calls = new Set<grpc.ClientDuplexStream<Buffer, Buffer>>();
  function open<Init, Response>(
    path: string,
    encode: (request: Init) => Uint8Array,
    decode: (bytes: Buffer) => Response,
  ): RawStream<Init, Response> {
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same);
    calls.add(call);
    const waiting: Response[] = [];
    let wake = (): void => {};
    let over: grpc.StatusObject | undefined;
    call.on('data', (bytes: Buffer) => {
      waiting.push(decode(bytes));
      wake();
    });
    call.on('error', () => {});
    const ended = new Promise<grpc.StatusObject>((resolve) => {
      call.on('status', (status) => {
        over = status;
        calls.delete(call);
        resolve(status);
        wake();
      });
    });
    return {
      send: (request) => void call.write(Buffer.from(encode(request))),
      sendBytes: (bytes) => void call.write(bytes),
      async next(deadlineMs = defaultDeadlineMs) {
        const until = performance.now() + deadlineMs;
        for (;;) {
          const response = waiting.shift();
          if (response !== undefined) return response;
          if (over !== undefined) throw new Error(`the stream ended: ${over.code} ${over.details}`);
          const left = until - performance.now();
          if (left <= 0) throw new Error(`no response within ${deadlineMs} ms`);
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, left);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      },
      waiting,
      ended,
      pause: () => void call.pause(),
      resume: () => void call.resume(),
      end: () => void call.end(),
      cancel: () => call.cancel(),
    };
  }
  return {
    sotw: (method = `${ads}/StreamAggregatedResources`) =>
      open(
        method,
        (request: MessageInitShape<typeof RequestSchema>) =>
          toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request)),
        (bytes) => fromBinary(DiscoveryResponseSchema, bytes),
      ),
    delta: (method = `${ads}/DeltaAggregatedResources`) =>
      open(
        method,
        (request: MessageInitShape<typeof DeltaRequestSchema>) =>
          toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request)),
        (bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
      ),
    close() {
      for (const call of calls) call.cancel();
      client.close();
    },
  };
}
