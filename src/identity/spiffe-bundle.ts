// A trust bundle in the form in which SPIFFE implementations exchange it: a JWK Set (SPIFFE Trust Domain and Bundle §4, X.509-SVID §6.1).
// The same bundle always gives the same bytes.
import { X509Certificate } from 'node:crypto';
import type { TrustBundle } from './trust-bundle.ts';

/** Seconds: how often a consumer should look for a later one (§4.1.2). */
export const refreshHint = 300;

/** JSON with a final newline. `roots` are PEM, one certificate each; `jwtKeys` as JWT-SVID §5.2 wants them. */
export function formatSpiffeBundle(
  { sequence, roots }: Pick<TrustBundle, 'sequence' | 'roots'>,
  jwtKeys: readonly object[] = [],
): string {
  const ofRoots = roots.map((pem) => {
    const { raw, publicKey } = new X509Certificate(pem);
    const jwk = Object.entries(publicKey.export({ format: 'jwk' })).sort(([a], [b]) => (a < b ? -1 : 1));
    // `kid` must not be set: `x5c` says which root it is, and contains exactly that certificate.
    return { use: 'x509-svid', ...Object.fromEntries(jwk), x5c: [raw.toString('base64')] };
  });
  const keys = [...ofRoots, ...jwtKeys];
  return `${JSON.stringify({ keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshHint }, undefined, 2)}\n`;
}

/**
 * The sequence of the bundle at a place, if that is later than ours: a higher sequence, and at least one of our roots. The text may be
 * hostile.
 */
export function newerSequence(
  text: string,
  { sequence, roots }: Pick<TrustBundle, 'sequence' | 'roots'>,
): number | undefined {
  const found = read(text);
  if (found === undefined || found.sequence <= sequence) return undefined;
  const ours = new Set(roots.map((pem) => new X509Certificate(pem).raw.toString('base64')));
  return found.roots.some((root) => ours.has(root)) ? found.sequence : undefined;
}

interface Read {
  readonly sequence: number;
  /** Base64 of the DER. */
  readonly roots: readonly string[];
}

/** Undefined if it is not such a bundle, or has no sequence. Keys for other uses are ignored (§4.2.2). */
function read(text: string): Read | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { keys, spiffe_sequence: sequence }: { readonly keys?: unknown; readonly spiffe_sequence?: unknown } =
    Object(json);
  if (!Array.isArray(keys) || typeof sequence !== 'number' || !Number.isSafeInteger(sequence)) return undefined;
  const roots = keys.flatMap((key: unknown) => {
    const { use, x5c }: { readonly use?: unknown; readonly x5c?: unknown } = Object(key);
    return use === 'x509-svid' && Array.isArray(x5c) && typeof x5c[0] === 'string' ? [x5c[0]] : [];
  });
  return { sequence, roots };
}
