// A program that fetches its identity over SPIFFE's Workload API, as gRPC has it: no code of ours.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { JWTSVIDRequestSchema, JWTSVIDResponseSchema, X509SVIDResponseSchema } from '#gen/workload_pb.js';
import { toPem } from '../../src/identity/x509/pem.ts';

export interface FetchedX509 {
  readonly spiffeId: string;
  /** PEM, leaf first. */
  readonly chain: string;
  readonly key: KeyObject;
  /** PEM. */
  readonly bundle: string;
}

const metadata = new grpc.Metadata();
metadata.set('workload.spiffe.io', 'true');
const raw = (bytes: Buffer): Buffer => bytes;
const path = (method: string): string => `/SpiffeWorkloadAPI/${method}`;

/** Of the first answer at the socket. Rejects with gRPC's error. */
export async function fetchX509(socket: string): Promise<FetchedX509> {
  const client = connect(socket);
  try {
    const call = client.makeServerStreamRequest(path('FetchX509SVID'), raw, raw, Buffer.alloc(0), metadata, deadline());
    const answer = await new Promise<Buffer>((resolve, reject) => {
      call.once('data', resolve);
      call.on('error', reject);
    });
    call.cancel();
    const [svid] = fromBinary(X509SVIDResponseSchema, answer).svids;
    if (svid === undefined) throw new Error('there is no SVID');
    const key = createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' });
    return { spiffeId: svid.spiffeId, chain: pemOf(svid.x509Svid), key, bundle: pemOf(svid.bundle) };
  } finally {
    client.close();
  }
}

/** The SPIFFE ID of a JWT-SVID for that audience. */
export async function fetchJwtId(socket: string, audience: string): Promise<string | undefined> {
  const client = connect(socket);
  try {
    const request = Buffer.from(toBinary(JWTSVIDRequestSchema, create(JWTSVIDRequestSchema, { audience: [audience] })));
    const answer = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(path('FetchJWTSVID'), raw, raw, request, metadata, deadline(), (error, value) => {
        if (error !== null || value === undefined) reject(error ?? new Error('no answer'));
        else resolve(value);
      });
    });
    return fromBinary(JWTSVIDResponseSchema, answer).svids[0]?.spiffeId;
  } finally {
    client.close();
  }
}

function connect(socket: string): grpc.Client {
  return new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure());
}

function deadline(): grpc.CallOptions {
  return { deadline: Date.now() + 10_000 };
}

/** Certificates one after the other: each is a SEQUENCE with two bytes of length. */
function pemOf(ders: Uint8Array): string {
  const all = Buffer.from(ders);
  const pems: string[] = [];
  for (let at = 0; at < all.length; ) {
    const end = at + 4 + all.readUInt16BE(at + 2);
    pems.push(toPem(all.subarray(at, end), 'CERTIFICATE'));
    at = end;
  }
  return pems.join('');
}
