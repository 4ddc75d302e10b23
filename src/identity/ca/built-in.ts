// The built-in CA: a root as files in one folder. It is created once, atomically, and a lost root is never replaced: that needs an
// operator. The signer's intermediates are in `issuers/` in the same folder.
import { generateKeyPair, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CellwallError } from '../../lib/errors.ts';
import { createWatched } from '../../lib/watchable.ts';
import { trustDomainUri } from '../../model/spiffe-id.ts';
import { ensureSecretFolder, writeSecretFile } from '../secret-file.ts';
import type { AuthorityDeps, AuthorityKind, IntermediateRequest, UpstreamAuthority } from '../upstream-authority.ts';
import { caLimits } from '../x509/extensions.ts';
import { readCsr } from '../x509/read-csr.ts';
import { uriSans } from '../x509/uri-sans.ts';
import { hasCa, loadCa, storeCa } from './ca-files.ts';
import { createCertificate, type SigningCa, signingKeyOf } from './certificate.ts';
import { earlier, later, wholeSecond } from './dates.ts';

const rootLifetimeMs = 3650 * 86_400_000;
const backdateMs = 3_600_000;
const generate = promisify(generateKeyPair);

/** Has no options. */
export const builtIn: AuthorityKind = { options: {}, create: createBuiltInAuthority };

async function createBuiltInAuthority({ dir, trustDomain, clock, log }: AuthorityDeps): Promise<UpstreamAuthority> {
  const uri = trustDomainUri(trustDomain);
  const issuersDir = join(dir, 'issuers');
  ensureSecretFolder(dir);
  const root = await loadRoot();
  checkIssuers();
  const roots = createWatched<readonly string[]>([root.pem]);

  async function loadRoot(): Promise<SigningCa> {
    const folder = join(dir, 'root');
    const marker = join(dir, 'bundle.pem');
    if (!hasCa(folder)) {
      // Checked in this order, because another process may be creating it right now: its folder appears before its marker.
      if ((existsSync(marker) || existsSync(issuersDir)) && !hasCa(folder)) {
        throw new CellwallError('failed_precondition', `the root CA in ${folder} is lost, but ${dir} was in use`, {
          hint: `restore ${folder} from a backup; or, to cut every workload off and start anew, empty ${dir}`,
        });
      }
      await makeRoot(folder);
    }
    const loaded = await loadCa(folder);
    checkRoot(loaded);
    if (!existsSync(marker)) writeSecretFile(marker, loaded.pem, 0o644);
    return loaded;
  }

  async function makeRoot(folder: string): Promise<void> {
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
    if (storeCa(folder, { pem, keyPem })) log.info({ trustDomain, folder }, 'created a new root CA');
  }

  function checkRoot({ certificate, notAfter }: SigningCa): void {
    const [name] = uriSans(certificate.raw);
    if (name !== uri) {
      throw new CellwallError('failed_precondition', `the root CA in ${dir} is that of ${name ?? 'no trust domain'}`, {
        hint: `this trust domain is ${uri}: give each trust domain a folder of its own`,
      });
    }
    if (notAfter.getTime() <= clock.now()) {
      throw new CellwallError('failed_precondition', `the root CA in ${dir} ended on ${notAfter.toISOString()}`, {
        hint: 'check the clock; else a new root has to be rolled out',
      });
    }
    const { pathLength, signs } = caLimits(certificate.raw);
    if (pathLength === 0 || !signs) {
      throw new CellwallError('failed_precondition', `the root CA in ${dir} allows no intermediate`, {
        hint: 'it needs keyCertSign in its key usage and no pathLenConstraint of 0: leaves are signed by an intermediate below it',
      });
    }
  }

  /** A root that was replaced, or half a backup, would cut off everybody who has a certificate. */
  function checkIssuers(): void {
    const names = existsSync(issuersDir) ? readdirSync(issuersDir).filter((name) => /^\d{6}$/.test(name)) : [];
    for (const file of names.map((name) => join(issuersDir, name, 'certificate.pem'))) {
      // A missing or unreadable one is reported by the signer.
      const issuer = certificateIn(file);
      if (issuer === undefined || isIssuedBy(root.certificate, issuer)) continue;
      throw new CellwallError('failed_precondition', `the issuing CA in ${join(file, '..')} is not of this root`, {
        hint: `restore ${dir} as a whole from one backup`,
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

function certificateIn(file: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(file));
  } catch {
    return undefined;
  }
}

function isIssuedBy(root: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(root) && certificate.verify(root.publicKey);
}
