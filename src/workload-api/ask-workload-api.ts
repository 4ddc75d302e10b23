// Asks somebody's Workload API, as a program beside it would, for what it gives: SVIDs with their keys and roots, tokens, keys of tokens.
import { connect } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  JWTBundlesResponseSchema,
  JWTSVIDRequestSchema,
  JWTSVIDResponseSchema,
  X509SVIDResponseSchema,
} from '#gen/workload_pb.js';
import { readDer } from '../identity/x509/der.ts';
import { toPem } from '../identity/x509/pem.ts';
import { CellwallError } from '../lib/errors.ts';
import { callGrpc } from '../lib/grpc-client.ts';
import type { SocketPath } from '../lib/socket-path.ts';

interface GivenSvid {
  readonly spiffeId: string;
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
  /** PEM of the roots of its trust domain. */
  readonly roots: string;
}

interface GivenToken {
  readonly spiffeId: string;
  readonly token: string;
}

interface AskedWorkloadApi {
  x509Svids(): Promise<readonly GivenSvid[]>;
  jwtSvids(audience: string): Promise<readonly GivenToken[]>;
  /** JWK Sets, as text, by trust domain (as in `spiffe://example.org`). */
  jwtBundles(): Promise<ReadonlyMap<string, string>>;
}

const timeoutMs = 5000;
const mostSvids = 100;

/** Its methods throw `unavailable` if nobody answers, or there is nothing for now; `failed_precondition` for a refusal, or nonsense. */
export function askWorkloadApi(socket: SocketPath): AskedWorkloadApi {
  const ask = (method: string, message: Uint8Array): Promise<Buffer> =>
    callGrpc({
      ...{ who: 'the Workload API', connect: () => connect(socket.path), method: `/SpiffeWorkloadAPI/${method}` },
      ...{ message, metadata: { 'workload.spiffe.io': 'true' }, timeoutMs },
    });
  const read = async <T>(answer: Promise<Buffer>, decode: (bytes: Buffer) => T): Promise<T> => {
    const bytes = await answer;
    try {
      return decode(bytes);
    } catch (cause) {
      throw new CellwallError('failed_precondition', 'the Workload API: its answer cannot be read', { cause });
    }
  };
  return {
    x509Svids: () =>
      read(ask('FetchX509SVID', Buffer.alloc(0)), (bytes) =>
        fromBinary(X509SVIDResponseSchema, bytes)
          .svids.slice(0, mostSvids)
          .map(({ spiffeId, x509Svid, x509SvidKey, bundle }) => ({
            spiffeId,
            chain: pemOf(x509Svid),
            key: toPem(x509SvidKey, 'PRIVATE KEY'),
            roots: pemOf(bundle),
          })),
      ),
    jwtSvids: (audience) =>
      read(
        ask('FetchJWTSVID', toBinary(JWTSVIDRequestSchema, create(JWTSVIDRequestSchema, { audience: [audience] }))),
        (bytes) =>
          fromBinary(JWTSVIDResponseSchema, bytes)
            .svids.slice(0, mostSvids)
            .map(({ spiffeId, svid }) => ({ spiffeId, token: svid })),
      ),
    jwtBundles: () =>
      read(ask('FetchJWTBundles', Buffer.alloc(0)), (bytes) => {
        const { bundles } = fromBinary(JWTBundlesResponseSchema, bytes);
        return new Map(Object.entries(bundles).map(([domain, keys]) => [domain, Buffer.from(keys).toString('utf8')]));
      }),
  };
}

/** Of DER certificates one after the other. */
function pemOf(certificates: Uint8Array): string {
  return readDer(Buffer.from(certificates))
    .map(({ raw }) => toPem(raw, 'CERTIFICATE'))
    .join('');
}
