// Envoy's access-log service (ALS) on the xDS port: takes entries from authenticated proxies and counts them. A proxy can
// only report on its own service.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/accesslog/v3/als.proto

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { handleClientStreamingCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  type StreamAccessLogsMessage,
  StreamAccessLogsMessageSchema,
  type StreamAccessLogsResponse,
  StreamAccessLogsResponseSchema,
} from '#gen/envoy/service/accesslog/v3/als_pb.js';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import { httpCall, serviceOfLogName, tcpCall } from './access-log.ts';
import type { Traffic } from './traffic.ts';

export interface AccessLogDeps {
  readonly traffic: Traffic;
  readonly log: Log;
  readonly trustDomain: () => TrustDomain | undefined;
  /** The service of the verified client certificate; throws CellwallError to refuse. */
  readonly serviceOfPeer: (certificate: Uint8Array | undefined, nodeId: string) => string | undefined;
}

export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export function createAccessLogService({ traffic, log, trustDomain, serviceOfPeer }: AccessLogDeps): GrpcService {
  const take = (message: StreamAccessLogsMessage, stated: string, own: string): void => {
    const domain = trustDomain();
    if (domain === undefined || stated !== own) return;
    const entries = message.logEntries;
    if (entries.case === 'httpLogs') {
      for (const entry of entries.value.logEntry) {
        const call = httpCall(own, entry, domain);
        if (call !== undefined) traffic.record(call);
      }
    } else if (entries.case === 'tcpLogs') {
      for (const entry of entries.value.logEntry) {
        const call = tcpCall(own, entry, domain);
        if (call !== undefined) traffic.record(call);
      }
    }
  };
  const streamAccessLogs: handleClientStreamingCall<StreamAccessLogsMessage, StreamAccessLogsResponse> = (
    call,
    reply,
  ) => {
    let stated: string | undefined;
    let own: string | undefined;
    call.on('data', (message: StreamAccessLogsMessage) => {
      try {
        // Only the first message of a stream has the identifier (als.proto, StreamAccessLogsMessage.identifier).
        if (message.identifier !== undefined) {
          own = serviceOfPeer(call.getAuthContext().sslPeerCertificate?.raw, message.identifier.node?.id ?? '');
          stated = serviceOfLogName(message.identifier.logName);
        }
        if (own !== undefined && stated !== undefined) take(message, stated, own);
      } catch (reason) {
        const error = CellwallError.from(reason);
        log.warn({ code: error.code, reason: error.message }, 'access log stream refused');
        call.destroy(error);
      }
    });
    call.on('error', () => {});
    call.on('end', () => reply(null, create(StreamAccessLogsResponseSchema)));
  };
  return {
    definition: {
      StreamAccessLogs: {
        path: '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
        requestStream: true,
        responseStream: false,
        requestSerialize: (message: StreamAccessLogsMessage) =>
          Buffer.from(toBinary(StreamAccessLogsMessageSchema, message)),
        requestDeserialize: (bytes: Buffer) => fromBinary(StreamAccessLogsMessageSchema, bytes),
        responseSerialize: (message: StreamAccessLogsResponse) =>
          Buffer.from(toBinary(StreamAccessLogsResponseSchema, message)),
        responseDeserialize: (bytes: Buffer) => fromBinary(StreamAccessLogsResponseSchema, bytes),
      },
    },
    implementation: { StreamAccessLogs: streamAccessLogs },
  };
}
