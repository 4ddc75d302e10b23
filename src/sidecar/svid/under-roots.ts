// Whether a certificate that is kept is still one of the trust domain: a root may have gone, or be on its way out.
import { X509Certificate } from 'node:crypto';
import { rootName } from '../../identity/roots/roots-record.ts';
import { fromPem } from '../../identity/x509/pem.ts';

/** Those of a bundle (PEM), without some, by name. */
export function rootsOf(bundle: string, except: readonly string[] = []): readonly X509Certificate[] {
  return fromPem(bundle, 'CERTIFICATE')
    .filter((der) => !except.includes(rootName(der)))
    .map((der) => new X509Certificate(der));
}

/** Whether one of the roots signed the last certificate of the chain. */
export function isUnder(chain: string, roots: readonly X509Certificate[]): boolean {
  const last = new X509Certificate(fromPem(chain, 'CERTIFICATE').at(-1) ?? Buffer.alloc(0));
  return roots.some((root) => last.checkIssued(root) && last.verify(root.publicKey));
}
