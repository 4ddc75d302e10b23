// What is asked of a remote CA, once the request was found to be good here: it never sees a forged or weak one.
import { type KeyObject, X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import type { IntermediateRequest } from '../upstream-authority.ts';
import { fromPem, toPem } from '../x509/pem.ts';
import { readCsr } from '../x509/read-csr.ts';

export interface Requested {
  readonly csr: string;
  /** The key of the request. */
  readonly publicKey: KeyObject;
  readonly commonName: string;
  readonly uri: string;
  readonly notAfter: Date;
}

/** `issuers`: PEM; the intermediate ends with the first of them that does. Throws `invalid_argument`. */
export function requested(
  { csr, notAfter }: IntermediateRequest,
  trustDomain: TrustDomain,
  issuers: readonly string[],
): Requested {
  const { publicKey } = readCsr(csr);
  const ends = issuers
    .flatMap((pem) => fromPem(pem, 'CERTIFICATE'))
    .map((der) => new X509Certificate(der).validToDate.getTime());
  return {
    csr,
    publicKey,
    commonName: `${trustDomain} issuer`.slice(0, 64),
    uri: trustDomainUri(trustDomain),
    notAfter: new Date(Math.min(notAfter.getTime(), ...ends)),
  };
}

/** PEM, each once, in their order: the caller knows the roots, and some services repeat the certificate in its chain. */
export function withoutRoots(pems: readonly string[], roots: readonly string[]): string {
  const known = new Set(roots.flatMap((root) => fromPem(root, 'CERTIFICATE')).map((der) => der.toString('hex')));
  const ders = new Map(pems.flatMap((pem) => fromPem(pem, 'CERTIFICATE')).map((der) => [der.toString('hex'), der]));
  return [...ders].flatMap(([hex, der]) => (known.has(hex) ? [] : [toPem(der, 'CERTIFICATE')])).join('');
}

/** A field of an answer in JSON. Throws `failed_precondition` if it is not a text. */
export function textAt(answer: string, ...path: readonly string[]): string {
  let value: unknown = parsed(answer);
  for (const name of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  if (typeof value === 'string') return value;
  throw new CellwallError('failed_precondition', `the answer of the CA has no "${path.join('.')}"`);
}

/** The same for a list of texts; an absent one is empty. */
export function textsAt(answer: string, ...path: readonly string[]): readonly string[] {
  let value: unknown = parsed(answer);
  for (const name of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    throw new CellwallError('failed_precondition', 'the answer of the CA is no JSON');
  }
}
