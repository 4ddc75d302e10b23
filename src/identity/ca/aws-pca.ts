// AWS Private CA: a CA there certifies the intermediate.
// https://docs.aws.amazon.com/privateca/latest/APIReference/API_IssueCertificate.html
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AwsV4Signer } from 'aws4fetch';
import { boundedCall } from '../../lib/bounded-call.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { AuthorityDeps, AuthorityKind, UpstreamAuthority } from '../upstream-authority.ts';
import { requested, textAt, withoutRoots } from './requested.ts';
import { watchUpstreamRoots } from './upstream-roots.ts';

export const awsPca: AuthorityKind = {
  options: {
    arn: { description: 'of the CA, as in arn:aws:acm-pca:REGION:ACCOUNT:certificate-authority/ID', required: true },
    algorithm: { description: 'of its signatures; default SHA256WITHECDSA, for a CA with an RSA key SHA256WITHRSA' },
    'credentials-file': { description: 'JSON as credential_process prints it; read at each call', required: true },
    address: { description: 'default https://acm-pca.REGION.amazonaws.com' },
    roots: { description: 'PEM file of the roots, if the CA is a subordinate of one that is not in AWS' },
  },
  create: createAwsPcaAuthority,
};

/** Only for leaves: the name of AWS for a CA with a path length of 0. */
const template = 'arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0_APIPassthrough/V1';
const [triesMs, longestMs] = [500, 30_000];

async function createAwsPcaAuthority({ options, trustDomain, clock, log }: AuthorityDeps): Promise<UpstreamAuthority> {
  const option = (name: string): string | undefined => options[name]?.reveal();
  const arn = option('arn') ?? '';
  const region = regionOf(arn);
  const address = option('address') ?? `https://acm-pca.${region}.amazonaws.com`;

  async function call(action: string, body: object): Promise<string> {
    const text = JSON.stringify(body);
    const signed = await new AwsV4Signer({
      ...credentials(option('credentials-file') ?? ''),
      ...{ url: `${address.replace(/\/+$/, '')}/`, method: 'POST', body: text, region, service: 'acm-pca' },
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `ACMPrivateCA.${action}` },
    }).sign();
    return boundedCall({
      who: 'the CA',
      url: signed.url.href,
      method: 'POST',
      headers: Object.fromEntries(signed.headers),
      body: text,
    });
  }
  const ownChain = async (): Promise<string> => {
    const answer = await call('GetCertificateAuthorityCertificate', { CertificateAuthorityArn: arn });
    return `${textAt(answer, 'Certificate')}\n${answer.includes('"CertificateChain"') ? textAt(answer, 'CertificateChain') : ''}`;
  };
  const rootsFile = option('roots');
  const { roots, close } = await watchUpstreamRoots(
    async () => (rootsFile === undefined ? ownChain() : readFileSync(rootsFile, 'utf8')),
    { clock, log },
  );
  return {
    roots: () => roots,
    async mintIntermediate(request) {
      const { csr, commonName, uri, notAfter } = requested(request, trustDomain, [await ownChain()]);
      const issued = await call('IssueCertificate', {
        CertificateAuthorityArn: arn,
        Csr: Buffer.from(csr).toString('base64'),
        SigningAlgorithm: option('algorithm') ?? 'SHA256WITHECDSA',
        TemplateArn: template,
        ApiPassthrough: {
          Subject: { CommonName: commonName },
          Extensions: { SubjectAlternativeNames: [{ UniformResourceIdentifier: uri }] },
        },
        Validity: { Type: 'ABSOLUTE', Value: Math.floor(notAfter.getTime() / 1000) },
        // A repeat of a lost call within five minutes is the same certificate.
        IdempotencyToken: randomBytes(16).toString('hex'),
      });
      const of = { CertificateAuthorityArn: arn, CertificateArn: textAt(issued, 'CertificateArn') };
      const answer = await untilIssued(() => call('GetCertificate', of), clock);
      const chain = answer.includes('"CertificateChain"') ? textAt(answer, 'CertificateChain') : '';
      return withoutRoots([textAt(answer, 'Certificate'), chain], roots.value());
    },
    close: async () => close(),
  };
}

function regionOf(arn: string): string {
  const region = /^arn:aws[\w-]*:acm-pca:([\w-]+):\d{12}:certificate-authority\/[\w-]+$/.exec(arn)?.[1];
  if (region !== undefined) return region;
  throw new CellwallError(
    'invalid_argument',
    'the option "arn" is not that of a certificate authority of AWS Private CA',
  );
}

/** It is made some seconds after it was asked for. */
async function untilIssued(get: () => Promise<string>, clock: Clock): Promise<string> {
  const until = clock.monotonic() + longestMs;
  for (;;) {
    try {
      return await get();
    } catch (reason) {
      if (clock.monotonic() >= until)
        throw new CellwallError('unavailable', `the CA issued nothing yet: ${String(reason)}`);
      await new Promise<void>((resolve) => void clock.after(triesMs, resolve));
    }
  }
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

function credentials(file: string): Credentials {
  const text = readFileSync(file, 'utf8');
  try {
    const token = text.includes('"SessionToken"') ? { sessionToken: textAt(text, 'SessionToken') } : {};
    return { accessKeyId: textAt(text, 'AccessKeyId'), secretAccessKey: textAt(text, 'SecretAccessKey'), ...token };
  } catch {
    throw new CellwallError('failed_precondition', `${file} is not as credential_process prints credentials`);
  }
}
