// A CA whose key is on a PKCS#11 token (an HSM), and never leaves it. Its certificate is a file, or a root that is made at the first start.
import { verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CellwallError } from '../../lib/errors.ts';
import { createWatched } from '../../lib/watchable.ts';
import { trustDomainUri } from '../../model/spiffe-id.ts';
import type { AuthorityDeps, AuthorityKind, UpstreamAuthority } from '../upstream-authority.ts';
import { caLimits } from '../x509/extensions.ts';
import { fromPem, toPem } from '../x509/pem.ts';
import { spkiOf } from '../x509/public-key.ts';
import { readCsr } from '../x509/read-csr.ts';
import { randomSerial } from '../x509/serial.ts';
import { type CertificateContent, certificateBody, signedCertificate } from '../x509/write-certificate.ts';
import { issuerOf } from './certificate.ts';
import { earlier, later, wholeSecond } from './dates.ts';
import { createPkcs11Tool, type Pkcs11Tool } from './pkcs11-tool.ts';
import { withoutRoots } from './requested.ts';
import { rootsIn } from './upstream-roots.ts';

export const pkcs11: AuthorityKind = {
  options: {
    module: { description: 'file of the PKCS#11 module, as in /usr/lib/softhsm/libsofthsm2.so', required: true },
    token: { description: 'label of the token', required: true },
    key: { description: 'ID of the key on it (P-256), hex, as in 01', required: true },
    'pin-file': { description: 'file (0600) of the PIN; read at each signature', required: true },
    certificate: { description: 'PEM file of the CA, and of what is between it and its root; default: a root is made' },
    roots: { description: 'PEM file of the roots; default: those in the file of the certificate' },
    tool: { description: 'the helper; default pkcs11-tool, of OpenSC' },
  },
  create: createPkcs11Authority,
};

const rootNote = 'root.pem';
const rootLifetimeMs = 3650 * 86_400_000;
const backdateMs = 3_600_000;

async function createPkcs11Authority(deps: AuthorityDeps): Promise<UpstreamAuthority> {
  const { options, trustDomain, clock, log } = deps;
  const option = (name: string): string | undefined => options[name]?.reveal();
  if (!/^([0-9a-f]{2}){1,64}$/i.test(option('key') ?? '')) {
    throw new CellwallError('invalid_argument', 'the option "key" is no ID of a key in hexadecimal digits', {
      hint: 'pkcs11-tool -O lists the keys of a token with their IDs',
    });
  }
  const [tool, certificateFile] = [option('tool'), option('certificate')];
  const token = createPkcs11Tool({
    ...{ module: option('module') ?? '', token: option('token') ?? '', key: option('key') ?? '' },
    ...{ pinFile: option('pin-file') ?? '', ...(tool !== undefined && { tool }) },
  });
  const pem = certificateFile === undefined ? await ownRoot(deps, token) : textOf(certificateFile);
  const rootsFile = option('roots');
  const roots = createWatched(rootsIn(rootsFile === undefined ? pem : textOf(rootsFile)));
  const [ca] = fromPem(pem, 'CERTIFICATE').map((der) => new X509Certificate(der));
  if (ca === undefined) throw refused(`${certificateFile} holds no certificate`);
  checkCa(ca);
  // Its PIN is not needed, so that a process that starts again and again does not lock the token.
  void token.publicKey().then(
    (key) => {
      if (!key.equals(ca.publicKey)) log.error({}, 'the key on the token is not that of the certificate of the CA');
    },
    (reason: unknown) => {
      const { message } = CellwallError.from(reason);
      log.warn({ reason: message }, 'the key on the token could not be checked');
    },
  );

  return {
    roots: () => roots,
    async mintIntermediate({ csr, notBefore, notAfter }) {
      const { publicKey } = readCsr(csr);
      if (ca.validToDate.getTime() <= clock.now()) {
        throw new CellwallError('unavailable', `the CA on the token ended on ${ca.validToDate.toISOString()}`);
      }
      const made = await certify(token, ca, {
        ...{ issuer: issuerOf(ca), spki: spkiOf(publicKey), uri: trustDomainUri(trustDomain) },
        commonName: `${trustDomain} issuer`.slice(0, 64),
        notBefore: later(wholeSecond(notBefore.getTime()), ca.validFromDate),
        notAfter: earlier(wholeSecond(notAfter.getTime()), ca.validToDate),
        ca: { pathLength: 0 },
      });
      return withoutRoots([made, pem], roots.value());
    },
    close: async () => {},
  };
}

/** PEM. The signature is verified: a token may hold another key than the certificate is of. */
async function certify(
  token: Pkcs11Tool,
  { publicKey }: Pick<X509Certificate, 'publicKey'>,
  content: Omit<CertificateContent, 'serial'>,
): Promise<string> {
  const body = certificateBody({ ...content, serial: randomSerial() });
  const signature = await token.sign(body);
  if (verify('sha256', body, publicKey, signature)) return toPem(signedCertificate(body, signature), 'CERTIFICATE');
  throw refused('the token signed with another key than that of the certificate of the CA');
}

function checkCa({ raw, ca, publicKey }: X509Certificate): void {
  const { pathLength, signs } = caLimits(raw);
  if (!ca || !signs || pathLength === 0) {
    throw refused(
      'its certificate allows no CA below it',
      'it needs CA:TRUE, keyCertSign, and no pathLenConstraint of 0',
    );
  }
  if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw refused('its key is no P-256 key');
}

/** Made once, for all who share the storage. One that is lost is not made again: workloads trust the one before. */
async function ownRoot({ storage, trustDomain, clock, log }: AuthorityDeps, token: Pkcs11Tool): Promise<string> {
  const found = await storage.note(rootNote);
  if (found !== undefined) return found;
  if ((await storage.names('issuers')).length > 0) {
    throw refused(`the root in ${storage.where(rootNote)} is lost, but there was one`, 'restore it from a backup');
  }
  const publicKey = await token.publicKey();
  const made = await certify(
    token,
    { publicKey },
    {
      ...{ spki: spkiOf(publicKey), uri: trustDomainUri(trustDomain), commonName: `${trustDomain} root`.slice(0, 64) },
      notBefore: wholeSecond(clock.now() - backdateMs),
      notAfter: wholeSecond(clock.now() + rootLifetimeMs),
      ca: {},
    },
  );
  if (await storage.changeNote(rootNote, undefined, made)) log.info({ trustDomain }, 'created a root CA on the token');
  return (await storage.note(rootNote)) ?? made;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : String(cause));
  }
}

function refused(message: string, hint?: string): CellwallError {
  return new CellwallError('failed_precondition', `the CA on a token: ${message}`, hint === undefined ? {} : { hint });
}
