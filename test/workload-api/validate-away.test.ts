// ValidateJWTSVID asks for keys again only where that can help: what is wrong with a token in another way is told at once, also while the
// control plane is away.
import { generateKeyPairSync } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { exportJWK, SignJWT } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { ValidateJWTSVIDRequestSchema, ValidateJWTSVIDResponseSchema } from '#gen/workload_pb.js';
import type { ForeignTrust } from '../../src/identity-api/foreign-trust.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { framePrefix, type GrpcCall } from '../../src/lib/grpc-call.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { type JwtSource, jwtMethods } from '../../src/workload-api/jwt-methods.ts';

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const [own, other] = [pair(), pair()];
let refreshed = 0;
let keySet: string;

beforeAll(async () => {
  const jwk = async (key: ReturnType<typeof pair>, kid: string) => {
    return { ...(await exportJWK(key.publicKey)), kid, use: 'jwt-svid', alg: 'ES256' };
  };
  keySet = JSON.stringify({ keys: [await jwk(own, 'own')] });
});

const token = (
  kid: string,
  audience: string,
  key = own.privateKey,
  sub = 'spiffe://td1/service/api',
): Promise<string> =>
  new SignJWT({ sub, aud: [audience] })
    .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
    .setExpirationTime('5m')
    .sign(key);

async function validate(svid: string, foreign: Pick<JwtSource, 'foreign' | 'refreshForeign'> = {}): Promise<unknown> {
  const methods = jwtMethods({
    svid: createWatched({
      spiffeId: 'spiffe://td1/service/db',
      chain: '',
      key: own.privateKey,
      bundle: '',
      notAfter: new Date(),
    }),
    jwt: {
      fetch: () => Promise.reject(new CellwallError('unavailable', 'away')),
      keys: async () => createWatched<string | undefined>(keySet),
      async refresh() {
        refreshed++;
        throw new CellwallError('unavailable', 'away');
      },
      ...foreign,
    },
    clock: { now: () => Date.now() },
  });
  return new Promise((resolve) => {
    const call: GrpcCall = {
      peer: { address: '' },
      header: () => 'true',
      write: (frame) =>
        resolve(fromBinary(ValidateJWTSVIDResponseSchema, Buffer.from(frame).subarray(framePrefix)).spiffeId),
      pause: () => undefined,
      resume: () => undefined,
      end: (reason) => resolve(reason?.code),
    };
    const request = create(ValidateJWTSVIDRequestSchema, { audience: 'db', svid });
    const method = methods['ValidateJWTSVID']?.(call);
    method?.request(Buffer.from(toBinary(ValidateJWTSVIDRequestSchema, request)));
  });
}

test('a good token is valid, and bad ones are refused without a question to anybody', async () => {
  expect(await validate(await token('own', 'db'))).toBe('spiffe://td1/service/api');
  expect(await validate(await token('own', 'cache'))).toBe('invalid_argument');
  expect(await validate(await token('own', 'db', other.privateKey))).toBe('invalid_argument');
  expect(await validate('nonsense')).toBe('invalid_argument');
  expect(refreshed).toBe(0);
});

test('whether one with an unknown key is valid cannot be told now, which is no verdict', async () => {
  expect(await validate(await token('new', 'db', other.privateKey))).toBe('unavailable');
  expect(refreshed).toBe(1);
});

test('a foreign trust domain that is not known, or a key of it, is asked for before a token is judged', async () => {
  const jwks = async (...kids: string[]): Promise<string> => {
    const jwk = await exportJWK(other.publicKey);
    return JSON.stringify({ keys: kids.map((kid) => ({ ...jwk, kid, use: 'jwt-svid' })) });
  };
  const foreign = createWatched<readonly ForeignTrust[]>([]);
  let served: string[] | undefined = ['one'];
  let asked = 0;
  const source = {
    foreign: () => foreign,
    async refreshForeign() {
      asked++;
      if (served === undefined) throw new CellwallError('unavailable', 'away');
      foreign.set([{ trustDomain: 'partner.example', roots: '', keys: await jwks(...served) }]);
    },
  };
  const subject = 'spiffe://partner.example/billing';
  const theirs = (kid: string, audience = 'db') => token(kid, audience, other.privateKey, subject);
  expect(await validate(await theirs('one'), source)).toBe(subject);
  expect(await validate(await theirs('one'), source)).toBe(subject);
  expect(asked).toBe(1);
  served = ['one', 'two'];
  expect(await validate(await theirs('two'), source)).toBe(subject);
  expect(asked).toBe(2);
  // Whatever else is wrong with it stays wrong.
  expect(await validate(await theirs('two', 'cache'), source)).toBe('invalid_argument');
  expect(await validate(await token('two', 'db', own.privateKey, subject), source)).toBe('invalid_argument');
  expect(asked).toBe(2);
  expect(await validate(await theirs('three'), source)).toBe('invalid_argument');
  served = undefined;
  expect(await validate(await theirs('three'), source)).toBe('unavailable');
});
