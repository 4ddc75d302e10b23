// The bundle of a foreign trust domain, out of hostile text: a SPIFFE bundle (a JWK Set: SPIFFE Trust Domain and Bundle §4, X.509-SVID §6,
// JWT-SVID §5), or plain PEM. Everything that is not understood is an error, and only public keys are kept.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import type { TrustDomain } from '../../model/spiffe-id.ts';
import { createTrustBundle, maxRoots } from '../trust-bundle.ts';
import { toPem } from '../x509/pem.ts';

export interface ForeignBundle {
  readonly trustDomain: TrustDomain;
  /** `spiffe_sequence`; absent if it states none. */
  readonly sequence?: number;
  /** `spiffe_refresh_hint`, in milliseconds. */
  readonly refreshMs?: number;
  /** PEM, one certificate each, sorted. Empty: the trust domain has revoked all (§4.1.3), and vouches for nobody. */
  readonly roots: readonly string[];
  /** Public keys of its JWT-SVIDs, each as JSON with `kty`, `kid` and the key's parameters; sorted. */
  readonly jwtKeys: readonly string[];
}

/** Larger texts are not read. */
const maxBundleBytes = 262_144;
const maxKeys = 64;

/** Throws `invalid_argument` with what is wrong; never repeats the text. */
export function readForeignBundle(text: string, trustDomain: TrustDomain): ForeignBundle {
  if (text.length > maxBundleBytes) throw unusable(`is longer than ${maxBundleBytes} bytes`);
  return text.trimStart().startsWith('{') ? readJwks(text, trustDomain) : readPem(text, trustDomain);
}

const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]*-----END \1-----/g;

function readPem(text: string, trustDomain: TrustDomain): ForeignBundle {
  const labels = [...text.matchAll(pemBlock)].map(([, label]) => label);
  if (labels.length === 0) throw unusable('is neither JSON nor PEM', 'paste a SPIFFE bundle, or CA certificates');
  const other = labels.find((label) => label !== 'CERTIFICATE');
  if (other !== undefined) {
    const hint = other.endsWith('PRIVATE KEY')
      ? 'remove the key, and replace it with a new one: documents are not secret'
      : 'only certificates belong here';
    throw unusable(`holds a ${other}`, hint);
  }
  if (text.replace(pemBlock, '').includes('-----')) throw unusable('ends in the middle of a certificate');
  return { trustDomain, roots: createTrustBundle({ trustDomain, sequence: 1, roots: [text] }).roots, jwtKeys: [] };
}

function readJwks(text: string, trustDomain: TrustDomain): ForeignBundle {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unusable('is not JSON');
  }
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: refresh } = fields(json);
  if (!Array.isArray(keys)) throw unusable('has no "keys"', 'it is a JWK Set, as SPIFFE defines it');
  if (keys.length > maxKeys) throw unusable(`has more than ${maxKeys} keys`);
  if (sequence !== undefined && !isCount(sequence)) throw unusable('has a "spiffe_sequence" that is no whole number');
  if (refresh !== undefined && !isCount(refresh)) throw unusable('has a "spiffe_refresh_hint" that is no whole number');
  const roots: string[] = [];
  const jwtKeys: string[] = [];
  for (const key of keys) {
    const { use, x5c, ...rest } = fields(key);
    // Keys for other uses are ignored (§4.2.2), and so are those without one.
    if (use === 'x509-svid') roots.push(rootOf(x5c));
    else if (use === 'jwt-svid') jwtKeys.push(jwtKeyOf(rest));
  }
  if (roots.length > maxRoots) throw unusable(`has more than ${maxRoots} roots`);
  return {
    trustDomain,
    ...(sequence === undefined ? {} : { sequence }),
    // 0 is no hint: it would mean to ask without pause.
    ...(refresh === undefined || refresh === 0 ? {} : { refreshMs: refresh * 1000 }),
    roots: roots.length === 0 ? [] : createTrustBundle({ trustDomain, sequence: 1, roots }).roots,
    jwtKeys: [...new Set(jwtKeys)].sort(),
  };
}

/** X509-SVID §6.1: `x5c` holds exactly one certificate. Only that is trusted, whatever else the key says. */
function rootOf(x5c: unknown): string {
  const [der, ...others]: readonly unknown[] = Array.isArray(x5c) ? x5c : [];
  if (typeof der !== 'string' || others.length > 0) throw unusable('has an X.509 key without exactly one certificate');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(der)) throw unusable('has a certificate that is not base64');
  try {
    return toPem(new X509Certificate(Buffer.from(der, 'base64')).raw, 'CERTIFICATE');
  } catch (cause) {
    throw unusable('has a certificate that cannot be read', undefined, cause);
  }
}

/** JWT-SVID §5.2: `kid` is required. Rebuilt from the key that Node reads, so that nothing private or unknown is kept. */
function jwtKeyOf(key: Readonly<Record<string, unknown>>): string {
  const { kid } = key;
  if (typeof kid !== 'string' || kid === '' || kid.length > 256) throw unusable('has a JWT key without a "kid"');
  try {
    const found = createPublicKey({ key: { ...key }, format: 'jwk' });
    const { asymmetricKeyType: type, asymmetricKeyDetails: { modulusLength = 0 } = {} } = found;
    if (type !== 'ec' && !(type === 'rsa' && modulusLength >= 2048)) throw new Error('another kind of key');
    const jwk = Object.entries(found.export({ format: 'jwk' })).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify({ use: 'jwt-svid', kid, ...Object.fromEntries(jwk) });
  } catch (cause) {
    throw unusable('has a JWT key that is neither EC nor RSA of at least 2048 bits', undefined, cause);
  }
}

const keysOfRoots = new WeakMap<ForeignBundle, readonly string[]>();

/** Public keys of its roots: a key vouches, whatever its certificates are named. */
export function rootKeysOf(bundle: ForeignBundle): readonly string[] {
  const keys = keysOfRoots.get(bundle) ?? bundle.roots.map(keyOf);
  keysOfRoots.set(bundle, keys);
  return keys;
}

/** Whether it has a root key in common with these roots, PEM: its owner could vouch for whom they vouch for. */
export function sharesKey(bundle: ForeignBundle, roots: readonly string[]): boolean {
  const keys = new Set(rootKeysOf(bundle));
  return roots.some((root) => keys.has(keyOf(root)));
}

function keyOf(root: string): string {
  return new X509Certificate(root).publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function unusable(why: string, hint?: string, cause?: unknown): CellwallError {
  return new CellwallError('invalid_argument', `the bundle ${why}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
