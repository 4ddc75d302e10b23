// An SVID as files that a TLS program watches. Certificate and key change together: each version is a separate folder, and one rename of
// the link `current` puts it in force. Envoy's watched_directory sees that rename.
import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureSecretFolder, readSecretFile, writeSecretFile } from '../../identity/secret-file.ts';
import { fromPem } from '../../identity/x509/pem.ts';
import { uriSans } from '../../identity/x509/uri-sans.ts';
import { CellwallError } from '../../lib/errors.ts';

/** File names, in `current/` and as links beside it. */
export const svidFileNames = { chain: 'svid.pem', key: 'key.pem', bundle: 'bundle.pem' } as const;

/** The chain in two, for programs that want it so; in a folder that has them once they are renewed with the rest. */
export const splitFileNames = { leaf: 'leaf.pem', intermediates: 'intermediates.pem' } as const;

/** `chain` and `bundle` are PEM. */
export interface StoredSvid {
  readonly spiffeId: string;
  readonly chain: string;
  readonly key: KeyObject;
  readonly bundle: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface SvidFiles {
  /** What is in force, or undefined. Throws if others can read the key. */
  read(): StoredSvid | undefined;
  /** Puts a new version in force. */
  write(svid: { readonly chain: string; readonly key: KeyObject; readonly bundle: string }): StoredSvid;
}

const current = 'current';

/** `dir` is created with mode 0700. `split`: with `splitFileNames`; default: if they are there. */
export function createSvidFiles(dir: string, { split = false } = {}): SvidFiles {
  ensureSecretFolder(dir);
  const isSplit = (): boolean => split || Object.values(splitFileNames).some((name) => existsSync(join(dir, name)));

  function read(): StoredSvid | undefined {
    const folder = join(dir, current);
    if (!existsSync(folder)) return undefined;
    const keyPem = readSecretFile(join(folder, svidFileNames.key));
    try {
      const chain = readFileSync(join(folder, svidFileNames.chain), 'utf8');
      return stored(chain, createPrivateKey(keyPem), readFileSync(join(folder, svidFileNames.bundle), 'utf8'));
    } catch (cause) {
      throw new CellwallError('failed_precondition', `the SVID in ${folder} is damaged`, {
        hint: `remove ${dir}, and join with a new token`,
        cause,
      });
    }
  }

  return {
    read,
    write({ chain, key, bundle }) {
      const svid = stored(chain, key, bundle);
      const version = `version-${randomBytes(6).toString('hex')}`;
      const folder = join(dir, version);
      const parts = isSplit() ? splitChain(chain) : undefined;
      try {
        ensureSecretFolder(folder);
        writeSecretFile(join(folder, svidFileNames.key), key.export({ format: 'pem', type: 'pkcs8' }).toString());
        writeSecretFile(join(folder, svidFileNames.chain), chain, 0o644);
        writeSecretFile(join(folder, svidFileNames.bundle), bundle, 0o644);
        if (parts !== undefined) {
          writeSecretFile(join(folder, splitFileNames.leaf), parts.leaf, 0o644);
          writeSecretFile(join(folder, splitFileNames.intermediates), parts.intermediates, 0o644);
        }
      } catch (reason) {
        rmSync(folder, { recursive: true, force: true });
        throw reason;
      }
      const before = existsSync(join(dir, current)) ? readlinkSync(join(dir, current)) : undefined;
      link(version, join(dir, current));
      for (const name of Object.values(parts === undefined ? svidFileNames : { ...svidFileNames, ...splitFileNames })) {
        // Those of an earlier version were files.
        const isLink = lstatSync(join(dir, name), { throwIfNoEntry: false })?.isSymbolicLink() === true;
        if (!isLink) link(join(current, name), join(dir, name));
      }
      // The previous one stays for a reader that has just opened it.
      for (const name of readdirSync(dir)) {
        if (name.startsWith('version-') && name !== version && name !== before) {
          rmSync(join(dir, name), { recursive: true, force: true });
        }
      }
      return svid;
    },
  };
}

function splitChain(chain: string): { readonly leaf: string; readonly intermediates: string } {
  const [leaf = '', ...above] = chain.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n?/g) ?? [];
  return { leaf, intermediates: above.join('') };
}

function link(target: string, path: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}

/** Checks that the parts belong together: key, one URI SAN. */
export function stored(chain: string, key: KeyObject, bundle: string): StoredSvid {
  const [der] = fromPem(chain, 'CERTIFICATE');
  if (der === undefined) throw new CellwallError('invalid_argument', 'an empty certificate chain');
  const leaf = new X509Certificate(der);
  if (!leaf.checkPrivateKey(key)) throw new CellwallError('failed_precondition', 'the certificate is not of this key');
  const [spiffeId, ...others] = uriSans(der);
  if (spiffeId === undefined || others.length > 0) {
    throw new CellwallError('failed_precondition', 'the certificate does not have exactly one URI SAN');
  }
  return { spiffeId, chain, key, bundle, notBefore: leaf.validFromDate, notAfter: leaf.validToDate };
}
