// The built-in CA: a root that is created once, atomically. A lost root is never replaced: that needs an operator. The signer's
// intermediates are beside it, under `issuers`.
import { generateKeyPair, type X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { CellwallError } from '../../lib/errors.ts';
import { createWatched } from '../../lib/watchable.ts';
import { trustDomainUri } from '../../model/spiffe-id.ts';
import type { AuthorityDeps, AuthorityKind, IntermediateRequest, UpstreamAuthority } from '../upstream-authority.ts';
import { caLimits } from '../x509/extensions.ts';
import { readCsr } from '../x509/read-csr.ts';
import { uriSans } from '../x509/uri-sans.ts';
import { createCertificate, type SigningCa, signingKeyOf } from './certificate.ts';
import { earlier, later, wholeSecond } from './dates.ts';

const rootLifetimeMs = 3650 * 86_400_000;
const backdateMs = 3_600_000;
const marker = 'bundle.pem';
const generate = promisify(generateKeyPair);

/** Has no options. */
export const builtIn: AuthorityKind = { options: {}, create: createBuiltInAuthority };

async function createBuiltInAuthority({ storage, trustDomain, clock, log }: AuthorityDeps): Promise<UpstreamAuthority> {
  const uri = trustDomainUri(trustDomain);
  const where = storage.where('root');
  const root = await loadRoot();
  await checkIssuers();
  const roots = createWatched<readonly string[]>([root.pem]);

  async function loadRoot(): Promise<SigningCa> {
    const loaded = (await storage.load('root')) ?? (await firstRoot());
    checkRoot(loaded);
    await storage.changeNote(marker, undefined, loaded.pem);
    return loaded;
  }

  async function firstRoot(): Promise<SigningCa> {
    const wasUsed = (await storage.note(marker)) !== undefined || (await storage.names('issuers')).length > 0;
    // Checked in this order, because another process may be creating it right now: it appears before its marker.
    const found = await storage.load('root');
    if (found !== undefined) return found;
    if (wasUsed) {
      throw new CellwallError('failed_precondition', `the root CA in ${where} is lost, but there was one`, {
        hint: `restore it from a backup; or, to cut every workload off and start anew, remove all that is beside it`,
      });
    }
    await makeRoot();
    const made = await storage.load('root');
    if (made === undefined) throw new CellwallError('internal', `the root CA in ${where} is not there`);
    return made;
  }

  async function makeRoot(): Promise<void> {
    const pair = await generate('ec', { namedCurve: 'P-256' });
    const { pem } = createCertificate({
      signingKey: signingKeyOf(pair.privateKey),
      publicKey: pair.publicKey,
      uri,
      commonName: `${trustDomain} root`.slice(0, 64),
      notBefore: wholeSecond(clock.now() - backdateMs),
      notAfter: wholeSecond(clock.now() + rootLifetimeMs),
      ca: {},
    });
    const keyPem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    if (await storage.add('root', { pem, keyPem })) log.info({ trustDomain, where }, 'created a new root CA');
  }

  function checkRoot({ certificate, notAfter }: SigningCa): void {
    const [name] = uriSans(certificate.raw);
    if (name !== uri) {
      throw new CellwallError(
        'failed_precondition',
        `the root CA in ${where} is that of ${name ?? 'no trust domain'}`,
        {
          hint: `this trust domain is ${uri}: give each trust domain a data folder of its own`,
        },
      );
    }
    if (notAfter.getTime() <= clock.now()) {
      throw new CellwallError('failed_precondition', `the root CA in ${where} ended on ${notAfter.toISOString()}`, {
        hint: 'check the clock; else a new root has to be rolled out',
      });
    }
    const { pathLength, signs } = caLimits(certificate.raw);
    if (pathLength === 0 || !signs) {
      throw new CellwallError('failed_precondition', `the root CA in ${where} allows no intermediate`, {
        hint: 'it needs keyCertSign in its key usage and no pathLenConstraint of 0: leaves are signed by an intermediate below it',
      });
    }
  }

  /** A root that was replaced, or half a backup, would cut off everybody who has a certificate. */
  async function checkIssuers(): Promise<void> {
    for (const name of await storage.names('issuers')) {
      // One that cannot be read is reported by the signer.
      const issuer = await storage.load(name).catch(() => undefined);
      if (issuer === undefined || isIssuedBy(root.certificate, issuer.certificate)) continue;
      throw new CellwallError('failed_precondition', `the issuing CA in ${storage.where(name)} is not of this root`, {
        hint: 'restore root and issuers together, from one backup',
      });
    }
  }

  async function mintIntermediate({ csr, notBefore, notAfter }: IntermediateRequest): Promise<string> {
    const { publicKey } = readCsr(csr);
    if (root.notAfter.getTime() <= clock.now()) {
      throw new CellwallError('failed_precondition', 'the root CA has ended', { hint: 'check the clock' });
    }
    const { pem } = createCertificate({
      issuer: root,
      signingKey: root.key,
      publicKey,
      uri,
      commonName: `${trustDomain} issuer`.slice(0, 64),
      notBefore: later(wholeSecond(notBefore.getTime()), root.notBefore),
      notAfter: earlier(wholeSecond(notAfter.getTime()), root.notAfter),
      ca: { pathLength: 0 },
    });
    return pem;
  }

  return { roots: () => roots, mintIntermediate, close: async () => {} };
}

function isIssuedBy(root: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(root) && certificate.verify(root.publicKey);
}
