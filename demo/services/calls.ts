// What the applications call, in plaintext on an address of their configuration: Rails with `tls.enabled: false`, GitLab
// Shell, a Redis client.
import { connect } from 'node:net';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { requestHttp1, uploadHttp1 } from '../wire/http1.ts';
import { openHttp2, requestHttp2 } from '../wire/http2.ts';
import { deadlineMs, type Outcome } from '../wire/outcome.ts';
import { pingValkey } from '../wire/valkey.ts';
import { type Caller, callerIn } from './caller.ts';
import type { Call } from './protocol.ts';
import { grpcMethod } from './protos.ts';
import { realMetadata } from './real-metadata.ts';
import { callSidechannel } from './sidechannel.ts';

/** Makes one call, on a connection of its own. */
export async function perform(call: Call): Promise<Outcome> {
  switch (call.kind) {
    case 'grpc':
      return callGrpc(call.address, call.method, call.request);
    case 'http1':
      return requestHttp1({ address: call.address, agent: false }, call);
    case 'http2': {
      const session = openHttp2({ address: call.address });
      try {
        return await requestHttp2(session, call.method, call.path);
      } finally {
        session.close();
      }
    }
    case 'sidechannel':
      return callSidechannel(call.address);
    case 'upload':
      return uploadHttp1(call.address, call.path, call.bytes);
    case 'valkey': {
      const [host = '', port = ''] = call.address.split(':');
      const socket = connect({ host, port: Number(port) });
      try {
        return await pingValkey(socket);
      } finally {
        socket.destroy();
      }
    }
    default:
      return call satisfies never;
  }
}

function metadataOf(pairs: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(pairs)) metadata.set(name, value);
  return metadata;
}

/** With the real client library, as the applications have it. Streams are collected. */
async function callGrpc(address: string, method: string, request: object): Promise<Outcome> {
  // A channel of its own: grpc-js shares connections of equal channels otherwise.
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
  });
  const { path, requestSerialize, responseDeserialize, responseStream } = grpcMethod(method);
  const options = { deadline: Date.now() + deadlineMs };
  try {
    return await new Promise<Outcome>((resolve) => {
      let caller: Caller = {};
      const told = (metadata: Metadata): void => {
        caller = callerIn((name) => metadata.get(name)[0]);
      };
      const refuse = ({ code, details }: ServiceError): void =>
        resolve(
          code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED
            ? { kind: 'failed', details }
            : { kind: 'refused', code, details },
        );
      if (responseStream) {
        const parts: unknown[] = [];
        client
          .makeServerStreamRequest(
            path,
            requestSerialize,
            responseDeserialize,
            request,
            metadataOf(realMetadata),
            options,
          )
          .on('metadata', told)
          .on('data', (part: unknown) => parts.push(part))
          .on('error', refuse)
          .on('end', () => resolve({ kind: 'ok', body: parts, caller }));
      } else {
        client
          .makeUnaryRequest(
            path,
            requestSerialize,
            responseDeserialize,
            request,
            metadataOf(realMetadata),
            options,
            (error, body) => (error === null ? resolve({ kind: 'ok', body, caller }) : refuse(error)),
          )
          .on('metadata', told);
      }
    });
  } finally {
    client.close();
  }
}
