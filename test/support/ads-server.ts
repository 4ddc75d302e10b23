// The simplest xDS server that can feed one Envoy in a test: state-of-the-world ADS in plaintext, and the access-log service.
// Knows nothing of src/xds, so that translate is tested without it.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerDuplexStream, type ServerReadableStream } from '@grpc/grpc-js';
import { type StreamAccessLogsMessage, StreamAccessLogsMessageSchema } from '#gen/envoy/service/accesslog/v3/als_pb.js';
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import type { TranslatedResource } from '../../src/translate/proxy.ts';

export interface AdsServer {
  readonly port: number;
  /** Replaces all resources; connected proxies get what changed. */
  set(resources: readonly TranslatedResource[]): void;
  /** What the proxy refused, in its words. */
  readonly nacks: readonly string[];
  /** Types the proxy has accepted since the last `set`. */
  readonly acked: ReadonlySet<string>;
  readonly logs: readonly LoggedMessage[];
  /** Under load nobody reads them: forgets what came so far. */
  forgetLogs(): void;
  stop(): void;
}

export interface LoggedMessage {
  readonly logName: string;
  readonly message: StreamAccessLogsMessage;
}

interface Sent {
  readonly version: number;
  readonly names: string;
}

type Stream = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>;

export async function startAdsServer(): Promise<AdsServer> {
  let resources: readonly TranslatedResource[] = [];
  let version = 0;
  const nacks: string[] = [];
  const acked = new Set<string>();
  const logs: LoggedMessage[] = [];
  const pushes = new Set<() => void>();

  const aggregated = (stream: Stream): void => {
    const sent = new Map<string, Sent>();
    const asked = new Map<string, readonly string[]>();
    const answer = (typeUrl: string): void => {
      const names = asked.get(typeUrl) ?? [];
      const key = names.join('\n');
      const last = sent.get(typeUrl);
      if (last?.version === version && last.names === key) return;
      const chosen = resources.filter(
        (one) => one.typeUrl === typeUrl && (names.length === 0 || names.includes(one.name)),
      );
      sent.set(typeUrl, { version, names: key });
      stream.write(
        create(DiscoveryResponseSchema, {
          typeUrl,
          versionInfo: String(version),
          nonce: `${typeUrl} ${version} ${Math.random()}`,
          resources: chosen.map(({ schema, message }) => anyPack(schema, message)),
        }),
      );
    };
    const push = (): void => {
      for (const typeUrl of asked.keys()) answer(typeUrl);
    };
    pushes.add(push);
    stream.on('data', (request: DiscoveryRequest) => {
      if (request.errorDetail !== undefined) nacks.push(`${request.typeUrl}: ${request.errorDetail.message}`);
      else if (request.versionInfo === String(version)) acked.add(request.typeUrl);
      asked.set(request.typeUrl, request.resourceNames);
      answer(request.typeUrl);
    });
    const end = (): void => {
      pushes.delete(push);
      stream.end();
    };
    stream.on('end', end);
    stream.on('error', end);
  };

  const accessLogs = (stream: ServerReadableStream<StreamAccessLogsMessage, unknown>): void => {
    let logName = '';
    stream.on('data', (message: StreamAccessLogsMessage) => {
      logName = message.identifier?.logName ?? logName;
      logs.push({ logName, message });
    });
    stream.on('error', () => undefined);
  };

  const server = new Server();
  server.addService(
    {
      aggregated: {
        path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
        requestStream: true,
        responseStream: true,
        requestSerialize: (value: DiscoveryRequest) => Buffer.from(toBinary(DiscoveryRequestSchema, value)),
        requestDeserialize: (bytes: Buffer) => fromBinary(DiscoveryRequestSchema, bytes),
        responseSerialize: (value: DiscoveryResponse) => Buffer.from(toBinary(DiscoveryResponseSchema, value)),
        responseDeserialize: (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
      },
      accessLogs: {
        path: '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
        requestStream: true,
        responseStream: false,
        requestSerialize: (value: StreamAccessLogsMessage) =>
          Buffer.from(toBinary(StreamAccessLogsMessageSchema, value)),
        requestDeserialize: (bytes: Buffer) => fromBinary(StreamAccessLogsMessageSchema, bytes),
        responseSerialize: () => Buffer.alloc(0),
        responseDeserialize: () => undefined,
      },
    },
    { aggregated, accessLogs },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    set(next) {
      resources = next;
      version += 1;
      acked.clear();
      for (const push of pushes) push();
    },
    nacks,
    acked,
    logs,
    forgetLogs() {
      logs.length = 0;
    },
    stop: () => server.forceShutdown(),
  };
}
