// A raw client of the access-log service, for what no Envoy would send: messages as bytes, with anybody's certificate.
import { readFileSync } from 'node:fs';
import { create, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { HTTPAccessLogEntrySchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { StreamAccessLogsMessage_IdentifierSchema } from '#gen/envoy/service/accesslog/v3/als_pb.js';
import { bytesField } from './proto-bytes.ts';

export interface LogStream {
  /** Resolves once flow control took it, or the stream is over. */
  send(message: Buffer): Promise<void>;
  readonly ended: Promise<grpc.StatusObject>;
  isOver(): boolean;
  end(): void;
}

export interface LogClient {
  open(): LogStream;
  close(): void;
}

/** Paths of PEM files. */
export function createLogClient(
  port: number,
  svid: { readonly chain: string; readonly key: string; readonly bundle: string },
): LogClient {
  const [root, key, chain] = [svid.bundle, svid.key, svid.chain].map((file) => readFileSync(file));
  const credentials = grpc.credentials.createSsl(root, key, chain, { checkServerIdentity: () => undefined });
  const client = new grpc.Client(`127.0.0.1:${port}`, credentials, { 'grpc.use_local_subchannel_pool': 1 });
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    open() {
      let over = false;
      let wake = (): void => {};
      const call = client.makeClientStreamRequest<Buffer, Buffer>(
        '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
        same,
        same,
        () => undefined,
      );
      call.on('error', () => undefined);
      const ended = new Promise<grpc.StatusObject>((resolve) => {
        call.on('status', (status: grpc.StatusObject) => {
          over = true;
          wake();
          resolve(status);
        });
      });
      return {
        send: (message) =>
          new Promise((resolve) => {
            if (over) return resolve();
            wake = resolve;
            call.write(message, () => resolve());
          }),
        ended,
        isOver: () => over,
        end: () => call.end(),
      };
    },
    close: () => client.close(),
  };
}

export function identifier(nodeId: string, logName: string): Buffer {
  const message = create(StreamAccessLogsMessage_IdentifierSchema, { node: { id: nodeId }, logName });
  return bytesField(1, Buffer.from(toBinary(StreamAccessLogsMessage_IdentifierSchema, message)));
}

export interface ForgedCall {
  readonly principal: string;
  readonly policy?: string;
  readonly requestId?: string;
  /** The id in the answer. */
  readonly told?: string;
  readonly details?: string;
  readonly path?: string;
}

/** An HTTP entry as Envoy would send it for such a call. */
export function httpEntry({
  principal,
  policy,
  requestId = '',
  told,
  details = 'via_upstream',
  path = '/',
}: ForgedCall): Buffer {
  const rbac = {
    authz_allow_enforced_engine_result: 'allowed',
    ...(policy === undefined ? {} : { authz_allow_enforced_effective_policy_id: policy }),
  };
  const entry = create(HTTPAccessLogEntrySchema, {
    commonProperties: {
      tlsProperties: { peerCertificateProperties: { subjectAltName: [{ san: { case: 'uri', value: principal } }] } },
      metadata: { filterMetadata: { 'envoy.filters.http.rbac': rbac } },
    },
    request: { path, requestId },
    response: {
      responseCodeDetails: details,
      ...(told === undefined ? {} : { responseHeaders: { 'x-request-id': told } }),
    },
  });
  return bytesField(1, Buffer.from(toBinary(HTTPAccessLogEntrySchema, entry)));
}

export function httpLogs(entries: readonly Buffer[]): Buffer {
  return bytesField(2, Buffer.concat(entries));
}
