// Google Cloud's Certificate Authority Service: a CA pool certifies the intermediate.
// https://cloud.google.com/certificate-authority-service/docs/reference/rest/v1/projects.locations.caPools.certificates/create
import { type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { boundedCall } from '../../lib/bounded-call.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { AuthorityDeps, AuthorityKind, UpstreamAuthority } from '../upstream-authority.ts';
import { requested, textAt, textsAt, withoutRoots } from './requested.ts';
import { watchUpstreamRoots } from './upstream-roots.ts';

export const googleCas: AuthorityKind = {
  options: {
    pool: { description: 'as in projects/P/locations/L/caPools/N', required: true },
    roots: { description: 'PEM file of the roots of the pool', required: true },
    'token-file': { description: 'file of an access token; default: that of the metadata server' },
    address: { description: 'default https://privateca.googleapis.com' },
    metadata: { description: 'address of the metadata server; default http://metadata.google.internal' },
  },
  create: createGoogleCasAuthority,
};

const usage = {
  keyUsage: { baseKeyUsage: { certSign: true, crlSign: true } },
  caOptions: { isCa: true, maxIssuerPathLength: 0 },
};

async function createGoogleCasAuthority({
  options,
  trustDomain,
  clock,
  log,
}: AuthorityDeps): Promise<UpstreamAuthority> {
  const option = (name: string): string | undefined => options[name]?.reveal();
  const pool = option('pool') ?? '';
  if (!/^projects\/[\w-]+\/locations\/[\w-]+\/caPools\/[\w-]+$/.test(pool)) {
    throw new CellwallError('invalid_argument', 'the option "pool" is not projects/P/locations/L/caPools/N');
  }
  const address = (option('address') ?? 'https://privateca.googleapis.com').replace(/\/+$/, '');
  const { roots, close } = await watchUpstreamRoots(async () => readFileSync(option('roots') ?? '', 'utf8'), {
    clock,
    log,
  });

  async function token(): Promise<string> {
    const file = option('token-file');
    if (file !== undefined) return readFileSync(file, 'utf8').trim();
    const metadata = option('metadata') ?? 'http://metadata.google.internal';
    const url = `${metadata}/computeMetadata/v1/instance/service-accounts/default/token`;
    return textAt(
      await boundedCall({ who: 'the CA', url, method: 'GET', headers: { 'metadata-flavor': 'Google' } }),
      'access_token',
    );
  }

  return {
    roots: () => roots,
    async mintIntermediate(request) {
      const { publicKey, commonName, uri, notAfter } = requested(request, trustDomain, roots.value());
      const seconds = Math.floor((notAfter.getTime() - clock.now()) / 1000);
      // Named here, so that a repeat of a lost call is not a second certificate.
      const id = `cellwall-${randomBytes(12).toString('hex')}`;
      const answer = await boundedCall({
        who: 'the CA',
        url: `${address}/v1/${pool}/certificates?certificateId=${id}&requestId=${randomUUID()}`,
        method: 'POST',
        headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          lifetime: `${seconds}s`,
          config: {
            publicKey: { format: 'PEM', key: spkiPem(publicKey).toString('base64') },
            subjectConfig: { subject: { commonName }, subjectAltName: { uris: [uri] } },
            x509Config: usage,
          },
        }),
      });
      return withoutRoots([textAt(answer, 'pemCertificate'), ...textsAt(answer, 'pemCertificateChain')], roots.value());
    },
    close: async () => close(),
  };
}

function spkiPem(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'pem', type: 'spki' }));
}
