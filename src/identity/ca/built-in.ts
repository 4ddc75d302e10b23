// The built-in authority: a root and issuing CAs as files in one folder. It starts once, atomically, and never replaces a
// root that was lost: that needs an operator.
import { createHash, generateKeyPair, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import type { Authority, SignedCertificate, SigningRequest } from '../authority.ts';
import { planIssuers } from '../rotation.ts';
import { ensureSecretFolder, writeSecretFile } from '../secret-file.ts';
import { fromPem } from '../x509/pem.ts';
import { checkSubjectKey } from '../x509/subject-key.ts';
import { uriSans } from '../x509/uri-sans.ts';
import { hasCa, loadCa, storeCa } from './ca-files.ts';
import { createCertificate, type Signer, signingKeyOf } from './certificate.ts';
import { constrainCa } from './constrain.ts';

const day = 86_400_000;
/** More than a leaf is: none is cut short by a new CA. */
const backdateMs = 3_600_000;
const generate = promisify(generateKeyPair);

export interface BuiltInOptions {
  /** Folder of mode 0700; made when it is not there. */
  readonly dir: string;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly log: Log;
  readonly rootLifetimeMs?: number;
  readonly issuerLifetimeMs?: number;
}

export interface BuiltInAuthority extends Authority {
  /** Prepares and activates issuing CAs as the plan says; runs at start and by timer. */
  rotateIssuers(): Promise<void>;
  close(): void;
}

export async function createBuiltInAuthority(options: BuiltInOptions): Promise<BuiltInAuthority> {
  const { dir, trustDomain, clock, log, rootLifetimeMs = 3650 * day, issuerLifetimeMs = 365 * day } = options;
  const uri = trustDomainUri(trustDomain);
  const issuersDir = join(dir, 'issuers');
  ensureSecretFolder(dir);
  const root = await loadRoot();
  ensureSecretFolder(issuersDir);
  let active = await readIssuers();
  let cancel = (): void => {};
  schedule();

  async function loadRoot(): Promise<Signer> {
    const folder = join(dir, 'root');
    const marker = join(dir, 'bundle.pem');
    if (!hasCa(folder)) {
      // Looked at in this order, as another process may be making it right now: its folder is there before its marker.
      if ((existsSync(marker) || existsSync(issuersDir)) && !hasCa(folder)) {
        throw new CellwallError('failed_precondition', `the root CA in ${folder} is lost, but ${dir} was in use`, {
          hint: `restore ${folder} from a backup; or, to cut every workload off and start anew, empty ${dir}`,
        });
      }
      const pair = await generate('ec', { namedCurve: 'P-256' });
      const notBefore = wholeSecond(clock.now() - backdateMs);
      const { pem } = await createCertificate({
        signingKey: await signingKeyOf(pair.privateKey),
        publicKey: pair.publicKey,
        uri,
        commonName: `${trustDomain} root`.slice(0, 64),
        notBefore,
        notAfter: wholeSecond(clock.now() + rootLifetimeMs),
        ca: {},
      });
      const made = storeCa(folder, {
        pem,
        keyPem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      });
      if (made) log.info({ trustDomain, folder }, 'made a new root CA');
    }
    const loaded = await loadCa(folder);
    const [name] = uriSans(loaded.certificate.raw);
    if (name !== uri) {
      throw new CellwallError('failed_precondition', `the root CA in ${dir} is that of ${name ?? 'no trust domain'}`, {
        hint: `this trust domain is ${uri}: give each trust domain a folder of its own`,
      });
    }
    if (loaded.notAfter.getTime() <= clock.now()) {
      throw new CellwallError(
        'failed_precondition',
        `the root CA in ${dir} ended on ${loaded.notAfter.toISOString()}`,
        {
          hint: 'check the clock; else a new root has to be rolled out',
        },
      );
    }
    if (!existsSync(marker)) writeSecretFile(marker, loaded.pem, 0o644);
    return loaded;
  }

  /** The issuing CA that signs now; makes the first, and the successor when one is due. */
  async function readIssuers(): Promise<Signer> {
    const names = readdirSync(issuersDir)
      .filter((name) => /^\d{6}$/.test(name))
      .sort();
    const issuers: Signer[] = [];
    for (const name of names) {
      const issuer = await loadCa(join(issuersDir, name));
      if (!issuer.certificate.checkIssued(root.certificate) || !issuer.certificate.verify(root.certificate.publicKey)) {
        throw new CellwallError(
          'failed_precondition',
          `the issuing CA in ${join(issuersDir, name)} is not of this root`,
          {
            hint: `restore ${dir} as a whole from one backup`,
          },
        );
      }
      issuers.push(issuer);
    }
    const plan = planIssuers(issuers, clock.now());
    if (!plan.prepare && plan.active !== undefined) return plan.active;
    const next = String(Number(names.at(-1) ?? '0') + 1).padStart(6, '0');
    if (await makeIssuer(join(issuersDir, next))) log.info({ issuer: next }, 'prepared a new issuing CA');
    return plan.active ?? readIssuers();
  }

  async function makeIssuer(folder: string): Promise<boolean> {
    if (root.notAfter.getTime() <= clock.now()) {
      throw new CellwallError('failed_precondition', 'the root CA has ended', { hint: 'check the clock' });
    }
    const pair = await generate('ec', { namedCurve: 'P-256' });
    const { pem } = await createCertificate({
      issuer: root,
      signingKey: root.key,
      publicKey: pair.publicKey,
      uri,
      commonName: `${trustDomain} issuer`.slice(0, 64),
      notBefore: later(wholeSecond(clock.now() - backdateMs), root.notBefore),
      notAfter: earlier(wholeSecond(clock.now() + issuerLifetimeMs), root.notAfter),
      ca: { pathLength: 0 },
    });
    return storeCa(folder, { pem, keyPem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() });
  }

  function schedule(): void {
    cancel = clock.after(Math.min(day, issuerLifetimeMs / 24), () => {
      rotateIssuers().catch((reason: unknown) => log.error({ reason: String(reason) }, 'cannot prepare an issuing CA'));
      schedule();
    });
  }

  async function rotateIssuers(): Promise<void> {
    active = await readIssuers();
  }

  async function sign(request: SigningRequest): Promise<SignedCertificate> {
    const { spiffeId, publicKey, dnsNames, commonName, nodeKey } = request;
    checkSubjectKey(publicKey);
    if (active.notAfter.getTime() <= clock.now()) await rotateIssuers();
    const issuer = active;
    const notBefore = later(wholeSecond(request.notBefore.getTime()), issuer.notBefore);
    // A second before: a leaf ends before its issuer.
    const notAfter = earlier(wholeSecond(request.notAfter.getTime()), new Date(issuer.notAfter.getTime() - 1000));
    if (notAfter <= notBefore)
      throw new CellwallError('invalid_argument', 'the certificate would end before it begins');
    const { pem, serial } = await createCertificate({
      issuer,
      signingKey: issuer.key,
      publicKey,
      uri: spiffeId,
      dnsNames,
      ...defined({ nodeKey, commonName }),
      notBefore,
      notAfter,
    });
    return { chain: pem + issuer.pem, serial, notBefore, notAfter };
  }

  async function constrain(foreignCa: string): Promise<string> {
    const folder = join(dir, 'constrained');
    ensureSecretFolder(folder);
    const parts: string[] = [];
    for (const der of fromPem(foreignCa, 'CERTIFICATE')) {
      const name = createHash('sha256').update(uri).update(new X509Certificate(der).raw).digest('hex');
      const file = join(folder, `${name}.pem`);
      // Kept, so that equal input gives equal bytes after a restart, too: Envoy then sees no change.
      if (!existsSync(file)) writeSecretFile(file, constrainCa(der, trustDomain), 0o644);
      parts.push(readFileSync(file, 'utf8'));
    }
    return parts.join('');
  }

  return {
    sign,
    bundle: async () => root.pem,
    constrain,
    rotateIssuers,
    close: () => cancel(),
  };
}

/** X.509 counts whole seconds. */
function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}

function earlier(a: Date, b: Date): Date {
  return a < b ? a : b;
}
