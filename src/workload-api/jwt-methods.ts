// FetchJWTSVID, FetchJWTBundles and ValidateJWTSVID.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md#6-jwt-svid-profile

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  JWTBundlesResponseSchema,
  JWTSVIDRequestSchema,
  JWTSVIDResponseSchema,
  ValidateJWTSVIDRequestSchema,
  ValidateJWTSVIDResponseSchema,
} from '#gen/workload_pb.js';
import type { ForeignTrust } from '../identity-api/foreign-trust.ts';
import { CellwallError } from '../lib/errors.ts';
import { frameOf, type GrpcCall } from '../lib/grpc-call.ts';
import type { Watchable } from '../lib/watchable.ts';
import { jwkSet } from './jwk-set.ts';
import { createNewestOnly } from './newest-only.ts';
import { type Refusal, refusedBy } from './refusal.ts';
import { foreignAlgorithms, isUnknownKey, type VerifiedJwt, verifyJwt } from './verify-jwt.ts';
import type { WorkloadMethod } from './workload-methods.ts';
import { trustDomainUriOf, type WorkloadSvid } from './workload-svid.ts';

/** Where tokens and keys come from. */
export interface JwtSource {
  /** Throws what the control plane says, or `unavailable`. */
  fetch(audience: readonly string[]): Promise<{ readonly spiffeId: string; readonly token: string }>;
  /** JWK Sets, as text; undefined as long as there was none. */
  keys(): Promise<Watchable<string | undefined>>;
  /** Asks for keys now, unless it has just done so. */
  refresh(): Promise<void>;
  /** Foreign trust domains, as far as they are known. Absent: none. */
  foreign?(): Watchable<readonly ForeignTrust[]>;
  /** Asks for them now, unless it has just done so. */
  refreshForeign?(): Promise<void>;
}

export interface JwtMethodsDeps {
  readonly svid: Watchable<WorkloadSvid>;
  readonly jwt: JwtSource;
  readonly clock: { now(): number };
  readonly refusal?: Refusal;
}

export function jwtMethods({ svid, jwt, clock, refusal }: JwtMethodsDeps): Readonly<Record<string, WorkloadMethod>> {
  /** Undefined: it is not of a foreign trust domain that is known. */
  async function verifyForeign(token: string, audience: string, own: string): Promise<VerifiedJwt | undefined> {
    const subject = subjectOf(token);
    if (!subject.startsWith('spiffe://') || subject.startsWith(`${own}/`)) return undefined;
    const verify = async (): Promise<VerifiedJwt | undefined> => {
      const known = jwt.foreign?.().value() ?? [];
      const other = known.find(({ trustDomain }) => subject.startsWith(`spiffe://${trustDomain}/`));
      if (other === undefined) return undefined;
      const given = { trustDomain: `spiffe://${other.trustDomain}`, keys: other.keys, algorithms: foreignAlgorithms };
      return verifyJwt({ token, audience, ...given, now: clock.now() });
    };
    const found = await verify().catch((reason: unknown) => {
      if (!isUnknownKey(reason)) throw reason;
      return undefined;
    });
    if (found !== undefined) return found;
    // Its trust domain, or its key, may be newer than what is known here.
    await jwt.refreshForeign?.();
    return verify();
  }

  return {
    FetchJWTSVID: answered(async (bytes) => {
      const { audience, spiffeId: wanted } = fromBinary(JWTSVIDRequestSchema, bytes);
      if (audience.length === 0) throw new CellwallError('invalid_argument', 'an audience is needed');
      // Not the one that is kept for others, either.
      const refused = refusedBy(refusal);
      if (refused !== undefined) throw refused;
      const own = svid.value().spiffeId;
      if (wanted !== '' && wanted !== own) {
        throw new CellwallError('permission_denied', `this socket has no identity "${wanted.slice(0, 200)}"`);
      }
      const { spiffeId, token } = await jwt.fetch(audience);
      return toBinary(JWTSVIDResponseSchema, create(JWTSVIDResponseSchema, { svids: [{ spiffeId, svid: token }] }));
    }),

    FetchJWTBundles: (call) => {
      let [stop, over] = [(): void => {}, false];
      return {
        request() {
          const write = createNewestOnly(call);
          const foreign = jwt.foreign?.();
          let own: string | undefined;
          const send = (keys: string | undefined): void => {
            own = keys;
            if (keys === undefined) return;
            const bundles = {
              ...Object.fromEntries(
                (foreign?.value() ?? []).map((one) => [`spiffe://${one.trustDomain}`, setOf(one.keys)]),
              ),
              [trustDomainUriOf(svid.value().spiffeId)]: setOf(keys),
            };
            write(frameOf(toBinary(JWTBundlesResponseSchema, create(JWTBundlesResponseSchema, { bundles }))));
          };
          jwt.keys().then(
            (keys) => {
              if (over) return;
              send(keys.value());
              const ends = [keys.watch(send), foreign?.watch(() => send(own))];
              stop = () => {
                for (const end of ends) end?.();
              };
            },
            (reason: unknown) => call.end(CellwallError.from(reason)),
          );
        },
        over() {
          over = true;
          stop();
        },
      };
    },

    ValidateJWTSVID: answered(async (bytes) => {
      const { audience, svid: token } = fromBinary(ValidateJWTSVIDRequestSchema, bytes);
      if (audience === '' || token === '') throw new CellwallError('invalid_argument', 'audience and token are needed');
      const trustDomain = trustDomainUriOf(svid.value().spiffeId);
      const other = await verifyForeign(token, audience, trustDomain);
      if (other !== undefined)
        return toBinary(ValidateJWTSVIDResponseSchema, create(ValidateJWTSVIDResponseSchema, other));
      const keys = await jwt.keys();
      const verified = await verifyJwt({ token, audience, trustDomain, keys: keys.value(), now: clock.now() }).catch(
        async (reason: unknown) => {
          // Its key may be newer than what is known here. Whatever else is wrong with it stays wrong.
          if (!isUnknownKey(reason)) throw reason;
          await jwt.refresh();
          const newer = keys.value();
          return verifyJwt({ token, audience, trustDomain, keys: newer, now: clock.now() }).catch(() => {
            throw reason;
          });
        },
      );
      return toBinary(ValidateJWTSVIDResponseSchema, create(ValidateJWTSVIDResponseSchema, verified));
    }),
  };
}

function setOf(keys: string): Buffer {
  return Buffer.from(JSON.stringify(jwkSet(keys)));
}

/** As it states; which keys are asked depends on it, and they decide. */
function subjectOf(token: string): string {
  try {
    return String(Object(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).sub);
  } catch {
    return '';
  }
}

/** One request, one answer. */
function answered(answer: (bytes: Buffer) => Promise<Uint8Array>): WorkloadMethod {
  return (call: GrpcCall) => ({
    request(bytes) {
      // A copy: the bytes are the transport's.
      answer(Buffer.from(bytes)).then(
        (reply) => {
          call.write(frameOf(reply));
          call.end();
        },
        (reason: unknown) => call.end(notUnderstood(reason)),
      );
    },
  });
}

/** What is no message at all is the caller's fault. */
function notUnderstood(reason: unknown): CellwallError {
  if (reason instanceof CellwallError) return reason;
  return new CellwallError('invalid_argument', 'the request cannot be read', { cause: reason });
}
