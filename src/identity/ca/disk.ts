// A CA that somebody else keeps in files, as cert-manager mounts it or an operator copies it: certificate, key and roots. They are read
// again when they change; what cannot be used changes nothing.

import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { CellwallError } from '../../lib/errors.ts';
import { createWatched } from '../../lib/watchable.ts';
import { trustDomainUri } from '../../model/spiffe-id.ts';
import type { AuthorityDeps, AuthorityKind, UpstreamAuthority } from '../upstream-authority.ts';
import { caLimits } from '../x509/extensions.ts';
import { fromPem, toPem } from '../x509/pem.ts';
import { readCsr } from '../x509/read-csr.ts';
import { createCertificate, createSigningCa, type SigningCa } from './certificate.ts';
import { earlier, later, wholeSecond } from './dates.ts';
import { rootsIn } from './upstream-roots.ts';

export const disk: AuthorityKind = {
  options: {
    certificate: { description: 'PEM file of the CA, and of what is between it and its root', required: true },
    key: { description: 'PEM file of its key (P-256)', required: true },
    roots: { description: 'PEM file of the roots; default: those in the file of the certificate' },
  },
  create: createDiskAuthority,
};

interface OnDisk {
  readonly ca: SigningCa;
  /** PEM: the CA, and what is between it and its root. */
  readonly chain: string;
  readonly roots: readonly string[];
}

/** Read twice within ten seconds: by then a change was seen complete. */
const lookMs = 5000;

async function createDiskAuthority({ options, trustDomain, clock, log }: AuthorityDeps): Promise<UpstreamAuthority> {
  const [certificate, key, rootsFile] = ['certificate', 'key', 'roots'].map((name) => options[name]?.reveal());
  const files = [certificate, key, rootsFile].filter((file) => file !== undefined);
  const read = (): OnDisk => readCa(certificate ?? '', key ?? '', rootsFile ?? certificate ?? '', clock.now());
  let current = read();
  const roots = createWatched(current.roots);
  let [stamp, seen] = [stampOf(files), ''];
  let cancel = (): void => {};
  const look = (): void => {
    cancel = clock.after(lookMs, () => {
      const now = stampOf(files);
      if (now !== stamp && now === seen) {
        stamp = now;
        take();
      }
      seen = now;
      look();
    });
  };
  const take = (): void => {
    try {
      current = read();
      if (current.roots.join('') !== roots.value().join('')) roots.set(current.roots);
      log.info({ notAfter: current.ca.notAfter.toISOString() }, 'the CA on disk was read again');
    } catch (reason) {
      log.error({ reason: CellwallError.from(reason).message }, 'the CA on disk cannot be used: the one before stays');
    }
  };
  look();
  return {
    roots: () => roots,
    async mintIntermediate({ csr, notBefore, notAfter }) {
      const { publicKey } = readCsr(csr);
      const { ca, chain } = current;
      if (ca.notAfter.getTime() <= clock.now()) {
        throw new CellwallError('unavailable', `the CA on disk ended on ${ca.notAfter.toISOString()}`, {
          hint: 'whoever keeps it there has to renew it',
        });
      }
      const { pem } = createCertificate({
        issuer: ca,
        signingKey: ca.key,
        publicKey,
        uri: trustDomainUri(trustDomain),
        commonName: `${trustDomain} issuer`.slice(0, 64),
        notBefore: later(wholeSecond(notBefore.getTime()), ca.notBefore),
        notAfter: earlier(wholeSecond(notAfter.getTime()), ca.notAfter),
        ca: { pathLength: 0 },
      });
      return `${pem}${chain}`;
    },
    close: async () => cancel(),
  };
}

function readCa(certificate: string, keyFile: string, rootsFile: string, now: number): OnDisk {
  const chain = fromPem(text(certificate), 'CERTIFICATE').map((der) => new X509Certificate(der));
  const [first] = chain;
  if (first === undefined) throw refused(`${certificate} holds no certificate`);
  const ca = signing(first, keyFile);
  if (!first.checkPrivateKey(ca.key)) throw refused(`${keyFile} is not the key of ${certificate}`);
  const { pathLength, signs } = caLimits(first.raw);
  if (!first.ca || !signs || pathLength === 0) {
    throw refused(
      `${certificate} allows no CA below it`,
      'it needs CA:TRUE, keyCertSign, and no pathLenConstraint of 0',
    );
  }
  if (ca.notAfter.getTime() <= now) throw refused(`${certificate} ended on ${ca.notAfter.toISOString()}`);
  const roots = rootsIn(text(rootsFile));
  const isRoot = ({ raw }: X509Certificate): boolean => roots.includes(toPem(raw, 'CERTIFICATE'));
  const between = chain.filter((one) => !isRoot(one));
  return { ca, roots, chain: between.map(({ raw }) => toPem(raw, 'CERTIFICATE')).join('') };
}

function signing({ raw }: X509Certificate, keyFile: string): SigningCa {
  try {
    return createSigningCa(toPem(raw, 'CERTIFICATE'), text(keyFile));
  } catch (reason) {
    if (reason instanceof CellwallError) throw reason;
    // What OpenSSL says may quote the file.
    throw refused(`${keyFile} holds no private key that can be read`);
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : String(cause));
  }
}

function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const found = statSync(file, { throwIfNoEntry: false });
      return found === undefined ? 'absent' : `${found.ino}/${found.size}/${found.mtimeMs}`;
    })
    .join();
}

function refused(message: string, hint?: string): CellwallError {
  return new CellwallError('failed_precondition', `the CA on disk: ${message}`, hint === undefined ? {} : { hint });
}
