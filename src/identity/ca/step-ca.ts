// Smallstep's step-ca: one of its JWK provisioners, with a template for CAs, certifies the intermediate. Each request has a token that
// the provisioner's key signs. https://smallstep.com/docs/step-ca/provisioners/#jwk
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { calculateJwkThumbprint, importJWK, type JWK, SignJWT } from 'jose';
import { z } from 'zod';
import { boundedCall } from '../../lib/bounded-call.ts';
import { CellwallError } from '../../lib/errors.ts';
import { readSecretFile } from '../secret-file.ts';
import type { AuthorityDeps, AuthorityKind, UpstreamAuthority } from '../upstream-authority.ts';
import { requested, textsAt, withoutRoots } from './requested.ts';
import { watchUpstreamRoots } from './upstream-roots.ts';

export const stepCa: AuthorityKind = {
  options: {
    address: { description: 'as in https://ca.example.org, one of its dnsNames', required: true },
    provisioner: { description: 'name of a JWK provisioner whose template is for CAs', required: true },
    'key-file': { description: 'file (0600) of its private key, a JWK; read at each call', required: true },
    'ca-file': { description: 'PEM file to verify its TLS certificate by; default: the roots of the system' },
    roots: { description: 'PEM file of the roots; default: those that it names' },
    hours: { description: 'the longest that the provisioner lets a certificate live (maxTLSCertDuration); default 24' },
  },
  create: createStepCaAuthority,
};

const hourMs = 3_600_000;
const tokenS = 300;
const keySchema = z.looseObject({
  kty: z.string(),
  d: z.string(),
  alg: z.string().exactOptional(),
  kid: z.string().exactOptional(),
});

async function createStepCaAuthority({ options, trustDomain, clock, log }: AuthorityDeps): Promise<UpstreamAuthority> {
  const option = (name: string): string | undefined => options[name]?.reveal();
  const address = (option('address') ?? '').replace(/\/+$/, '');
  const hours = Number(option('hours') ?? 24);
  if (!(hours > 0 && hours <= 87_600)) {
    throw new CellwallError('invalid_argument', 'the option "hours" is no number of hours, as in 720');
  }
  const [caFile, rootsFile] = [option('ca-file'), option('roots')];
  const common = () => ({ who: 'the CA', ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }) });

  async function token(commonName: string, uri: string): Promise<string> {
    const { key, kid, alg } = await readKey(option('key-file') ?? '');
    const now = Math.floor(clock.now() / 1000);
    const claims = { sub: commonName, sans: [uri], aud: `${address}/1.0/sign`, iss: option('provisioner') ?? '' };
    return new SignJWT({ ...claims, jti: randomUUID(), iat: now, nbf: now, exp: now + tokenS })
      .setProtectedHeader({ alg, kid, typ: 'JWT' })
      .sign(key);
  }
  const ask = async (): Promise<string> => {
    if (rootsFile !== undefined) return readFileSync(rootsFile, 'utf8');
    return textsAt(await boundedCall({ ...common(), url: `${address}/roots` }), 'crts').join('\n');
  };
  const { roots, close } = await watchUpstreamRoots(ask, { clock, log });
  return {
    roots: () => roots,
    async mintIntermediate(request) {
      const { csr, commonName, uri, notAfter } = requested(request, trustDomain, roots.value());
      const longest = clock.now() + hours * hourMs;
      const answer = await boundedCall({
        ...common(),
        url: `${address}/1.0/sign`,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          csr,
          ott: await token(commonName, uri),
          notAfter: new Date(Math.min(longest, notAfter.getTime())).toISOString(),
        }),
      });
      const chain = textsAt(answer, 'certChain');
      if (chain.length > 0) return withoutRoots(chain, roots.value());
      throw new CellwallError('failed_precondition', 'the answer of the CA has no "certChain"');
    },
    close: async () => close(),
  };
}

/** Nothing of the file is quoted. */
async function readKey(file: string) {
  try {
    const jwk = keySchema.parse(JSON.parse(readSecretFile(file)));
    const [key, kid] = [
      await importJWK(jwk, jwk.alg ?? 'ES256'),
      jwk.kid ?? (await calculateJwkThumbprint(publicPart(jwk))),
    ];
    return { key, kid, alg: jwk.alg ?? 'ES256' };
  } catch (reason) {
    if (reason instanceof CellwallError) throw reason;
    throw new CellwallError('failed_precondition', `${file} is no private key as a JWK`, {
      hint: 'step crypto jose decrypt makes it from the encryptedKey of the provisioner',
    });
  }
}

function publicPart({ d: _, ...jwk }: JWK): JWK {
  return jwk;
}
