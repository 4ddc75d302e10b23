// What the control plane signs for others to verify without it: reports, and checkpoints of the audit log. There is one form: a JWS (RFC
// 7515 §7.2.2, flattened; ES256) by the key of an X.509-SVID that is for nothing but statements of that kind. Its chain is in the header
// (`x5c`), and leads to a root of the trust domain.
import { createPrivateKey, type KeyObject, sign, verify } from 'node:crypto';
import { CellwallError } from '../lib/errors.ts';
import { reservedSpiffeId, type SpiffeId, type TrustDomain, trustDomainOf } from '../model/spiffe-id.ts';
import type { Svid } from './svid.ts';
import { fromPem, toPem } from './x509/pem.ts';
import { anySpiffeIdOf, verifyChain } from './x509/verify-svid.ts';

export type StatementKind = 'report' | 'checkpoint';

export interface SignedStatement {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

export interface StatementKey {
  /** `payload`: JSON, which is signed byte for byte. */
  sign(payload: string): SignedStatement;
}

export interface VerifiedStatement {
  /** Whose key signed it. */
  readonly signer: SpiffeId;
  /** Of its certificate, hex. */
  readonly serial: string;
}

/** What signs statements of this kind, and nothing else. No document gives it to anybody: whatever is under `cellwall/` is reserved. */
export function statementSpiffeId(kind: StatementKind, domain: TrustDomain): SpiffeId {
  return reservedSpiffeId(domain, kind);
}

const maxChain = 4;
const maxHeaderChars = 64 * 1024;
const ecdsa = 'ieee-p1363';

/** Throws if the certificate came without its key. */
export function statementKey(kind: StatementKind, { chain, key }: Pick<Svid, 'chain' | 'key'>): StatementKey {
  if (key === undefined) throw new CellwallError('internal', `the certificate for a ${kind} has no key`);
  const x5c = fromPem(chain, 'CERTIFICATE', maxChain).map((der) => der.toString('base64'));
  const header = base64url(JSON.stringify({ alg: 'ES256', typ: typOf(kind), x5c }));
  let opened: KeyObject | undefined;
  return {
    sign(content) {
      opened ??= createPrivateKey(key.reveal());
      const payload = base64url(content);
      const bytes = Buffer.from(`${header}.${payload}`);
      const signature = sign('sha256', bytes, { key: opened, dsaEncoding: ecdsa }).toString('base64url');
      return { protected: header, payload, signature };
    },
  };
}

export interface VerifyStatementParams {
  readonly kind: StatementKind;
  readonly signed: SignedStatement;
  /** PEM of the roots of the trust domain, which the reader has from elsewhere. */
  readonly bundle: string;
  /** When it says that it was signed, epoch milliseconds: its certificate must have been valid then. */
  readonly at: number;
}

/**
 * Throws `unauthenticated`, saying what is wrong, unless a control plane of the trust domain signed exactly this. That it did so at that
 * time is the word of whoever had the key.
 */
export function verifyStatement({ kind, signed, bundle, at }: VerifyStatementParams): VerifiedStatement {
  const refused = refusals(kind);
  if (signed.protected.length > maxHeaderChars) throw refused('has a header that is larger than any');
  const { alg, typ, x5c, ...more } = objectIn(kind, signed.protected, 'header');
  if (alg !== 'ES256' || typ !== typOf(kind) || Object.keys(more).length > 0) {
    throw refused(`is not signed as ${kind}s are`);
  }
  const certificates: readonly unknown[] = Array.isArray(x5c) ? x5c : [];
  if (certificates.length === 0 || certificates.length > maxChain) throw refused('comes with no chain of certificates');
  const chain = certificates.map((one) => {
    if (typeof one !== 'string') throw refused('comes with a certificate that cannot be read');
    return toPem(Buffer.from(one, 'base64'), 'CERTIFICATE');
  });
  const { leaf } = verifyChain({ chain: chain.join(''), bundle, now: at });
  const signer = anySpiffeIdOf(leaf.raw);
  if (signer !== statementSpiffeId(kind, trustDomainOf(signer))) {
    throw refused(`is signed by ${signer}, which signs no ${kind}s`);
  }
  if (!isBase64url(signed.payload)) throw refused('has a content that is no base64url');
  if (!isBase64url(signed.signature)) throw refused('has a signature that is no base64url');
  const key = { key: leaf.publicKey, dsaEncoding: ecdsa } as const;
  const bytes = Buffer.from(`${signed.protected}.${signed.payload}`);
  const curve = leaf.publicKey.asymmetricKeyDetails?.namedCurve;
  if (curve !== 'prime256v1' || !verify('sha256', bytes, key, Buffer.from(signed.signature, 'base64url'))) {
    throw refused('was changed after it was signed, or was not signed with the key of its certificate');
  }
  return { signer, serial: leaf.serialNumber.toLowerCase() };
}

/** What is in it, unverified. Throws `unauthenticated` for what is none. */
export function readStatement(kind: StatementKind, { payload }: Pick<SignedStatement, 'payload'>) {
  return objectIn(kind, payload, 'content');
}

function objectIn(kind: StatementKind, text: string, what: string): { readonly [name: string]: unknown } {
  const refused = refusals(kind);
  if (!isBase64url(text)) throw refused(`has a ${what} that is no base64url`);
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Below.
  }
  throw refused(`has a ${what} that cannot be read`);
}

/** In the one way in which it is written: no bit of it is unread. */
function isBase64url(text: string): boolean {
  return text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text;
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function typOf(kind: StatementKind): string {
  return `cellwall-${kind}+jws`;
}

function refusals(kind: StatementKind): (why: string) => CellwallError {
  const hint = `have it made again: cellwall ${{ report: 'audit mtls', checkpoint: 'audit checkpoints' }[kind]} -o json`;
  return (why) => new CellwallError('unauthenticated', `the ${kind} ${why}`, { hint });
}
