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
import { httpCall, type InboundLog, type KeepPath, readLogName, tcpCall } from './access-log.ts';
import type { BreakGlassWatch } from './break-glass.ts';
import type { CrossCheck } from './cross-check.ts';
import type { Refusals } from './refusals.ts';
import { endsOf, inboundLogKind } from './told-of-message.ts';
import type { Traffic } from './traffic.ts';

export interface AccessLogDeps {
  readonly traffic: Traffic;
  readonly log: Log;
  readonly trustDomain: () => TrustDomain | undefined;
  /** The service of the verified client certificate; throws CellwallError to refuse. */
  readonly serviceOfPeer: (certificate: Uint8Array | undefined, nodeId: string) => string | undefined;
  readonly keepPath: KeepPath;
  /** Absent: no refusal can be asked for by its request id. */
  readonly refusals?: Refusals;
  readonly breakGlass?: BreakGlassWatch;
  /** Absent: Envoy's counters are not read beside the log. */
  readonly crossCheck?: Pick<CrossCheck, 'told'>;
  /** The stream of a verified proxy broke, or was refused: what it was about to say is lost. */
  readonly onBroken: (nodeId: string) => void;
}

export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export function createAccessLogService(deps: AccessLogDeps): GrpcService {
  const { traffic, log, trustDomain, serviceOfPeer, keepPath, refusals, breakGlass, crossCheck, onBroken } = deps;
  const take = (message: StreamAccessLogsMessage, stated: InboundLog, own: string, node: string): void => {
    const domain = trustDomain();
    if (domain === undefined || stated.service !== own) return;
    const entries = message.logEntries;
    if (entries.case === 'httpLogs') {
      for (const entry of entries.value.logEntry) {
        const call = httpCall(stated, entry, domain, keepPath);
        if (call === undefined) continue;
        traffic.record(call);
        breakGlass?.see(call, node);
        const { requestId = '', path = '' } = entry.request ?? {};
        if (call.decision !== 'refused' || requestId === '') continue;
        const { service, caller, principal, policy, method } = call;
        refusals?.record({
          requestId,
          service,
          node,
          caller,
          ...(principal === undefined ? {} : { principal }),
          ...(policy === undefined ? {} : { policy }),
          ...(method === undefined ? {} : { method }),
          path: path.replace(/\?.*$/s, ''),
        });
      }
    } else if (entries.case === 'tcpLogs') {
      for (const entry of entries.value.logEntry) {
        const call = tcpCall(stated, entry, domain);
        if (call === undefined) continue;
        traffic.record(call);
        breakGlass?.see(call, node);
      }
    }
  };
  const streamAccessLogs: handleClientStreamingCall<StreamAccessLogsMessage, StreamAccessLogsResponse> = (
    call,
    reply,
  ) => {
    let stated: InboundLog | undefined;
    let own: string | undefined;
    let node = '';
    let logName = '';
    const broken = (): void => {
      // Only a verified peer says whose log it was.
      if (own !== undefined) onBroken(node);
    };
    call.on('data', (message: StreamAccessLogsMessage) => {
      try {
        // Only the first message of a stream has the identifier (als.proto, StreamAccessLogsMessage.identifier).
        if (message.identifier !== undefined) {
          own = serviceOfPeer(call.getAuthContext().sslPeerCertificate?.raw, message.identifier.node?.id ?? '');
          node = message.identifier.node?.id ?? '';
          ({ logName } = message.identifier);
          stated = readLogName(logName);
        }
        const kind = own === undefined ? undefined : inboundLogKind(logName, message);
        if (kind !== undefined) crossCheck?.told(node, kind, endsOf(message));
        if (own !== undefined && stated !== undefined) take(message, stated, own, node);
      } catch (reason) {
        const error = CellwallError.from(reason);
        log.warn({ code: error.code, reason: error.message }, 'access log stream refused');
        broken();
        call.destroy(error);
      }
    });
    call.on('error', broken);
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
