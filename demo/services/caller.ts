// What a stand-in was told of its caller by its sidecar, echoed in headers of its own, so that the story can show it.
import type { IncomingHttpHeaders } from 'node:http';
import { Metadata } from '@grpc/grpc-js';

export interface Caller {
  /** x-cellwall-peer-id; absent for anonymous callers. */
  readonly peerId?: string;
  /** x-forwarded-client-cert. */
  readonly xfcc?: string;
}

const echoHeaders = { peerId: 'x-demo-peer-id', xfcc: 'x-demo-xfcc' } as const;
const told = { peerId: 'x-cellwall-peer-id', xfcc: 'x-forwarded-client-cert' } as const;

/** The headers to answer with: who the caller was said to be. */
export function echo(headers: IncomingHttpHeaders): Record<string, string> {
  const answer: Record<string, string> = {};
  for (const key of ['peerId', 'xfcc'] as const) {
    const value = headers[told[key]];
    if (typeof value === 'string') answer[echoHeaders[key]] = value;
  }
  return answer;
}

/** The same for gRPC, as initial metadata. */
export function echoMetadata(metadata: Metadata): Metadata {
  const answer = new Metadata();
  for (const key of ['peerId', 'xfcc'] as const) {
    const [value] = metadata.get(told[key]);
    if (typeof value === 'string') answer.set(echoHeaders[key], value);
  }
  return answer;
}

/** Reads an echo back. */
export function callerIn(header: (name: string) => unknown): Caller {
  const peerId = header(echoHeaders.peerId);
  const xfcc = header(echoHeaders.xfcc);
  return {
    ...(typeof peerId === 'string' ? { peerId } : {}),
    ...(typeof xfcc === 'string' ? { xfcc } : {}),
  };
}
