// X.509 proof of possession: a host that has a certificate of another authority already (of its provisioning, a TPM, a corporate PKI).
import { createHash, verify, type X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CellwallError } from '../../lib/errors.ts';
import { fromPem } from '../x509/pem.ts';
import { popMessage } from '../x509/pop-message.ts';
import { verifyChain } from '../x509/verify-svid.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';

const mostBytes = 32_768;

/**
 * The evidence is `chain` (PEM, leaf first) and `signature` (base64url, by the leaf's key, over the node key that it vouches for, and of no
 * use with another one). SVIDs end with the certificate.
 */
export function createX509PopAttestor({
  options,
  clock,
}: Pick<AttestorDeps, 'options' | 'clock'>): Attestor | undefined {
  const own = options['x509-pop'];
  if (own === undefined) return undefined;
  // At start, so that a wrong path is told then.
  const authorities = readAuthorities(own.authorities);
  return {
    async attest({ chain, signature }, { nodeKey }) {
      if (
        typeof chain !== 'string' ||
        typeof signature !== 'string' ||
        chain.length > mostBytes ||
        signature.length > 2048
      ) {
        throw refused('the evidence is not a chain and a signature');
      }
      const { leaf, issuers } = verified(chain, authorities, clock.now());
      if (!isSigned(leaf, nodeKey, signature)) throw refused('the key of the certificate did not sign for this host');
      const names = (leaf.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('DNS:'));
      const commonName = /^CN=(.+)$/m.exec(leaf.subject)?.[1];
      const [dnsName] = names;
      return {
        attestor: 'x509-pop',
        values: {
          fingerprint: hexOf(leaf),
          ...(commonName !== undefined && { common_name: commonName }),
          // Of several, none is the host's.
          ...(names.length === 1 && dnsName !== undefined && { dns_name: dnsName.slice('DNS:'.length) }),
          ...(issuers[0] !== undefined && { issuer_fingerprint: hexOf(issuers[0]) }),
        },
        notAfter: leaf.validToDate.getTime(),
      };
    },
  };
}

function verified(chain: string, bundle: string, now: number) {
  try {
    return verifyChain({ chain, bundle, now });
  } catch (reason) {
    throw refused(CellwallError.from(reason).message);
  }
}

function isSigned({ publicKey }: X509Certificate, nodeKey: string, signature: string): boolean {
  try {
    const algorithm = publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
    return verify(algorithm, popMessage(nodeKey), publicKey, Buffer.from(signature, 'base64url'));
  } catch {
    return false;
  }
}

function hexOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('hex');
}

function readAuthorities(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CellwallError('invalid_argument', `x509-pop: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (fromPem(text, 'CERTIFICATE').length > 0) return text;
  throw new CellwallError('invalid_argument', `x509-pop: ${file} holds no certificate`);
}

function refused(message: string): CellwallError {
  return new CellwallError('unauthenticated', message, { hint: 'see docs/identities.md, "Attestors"' });
}
