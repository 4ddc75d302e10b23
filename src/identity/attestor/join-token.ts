// Join tokens: created by an operator for one identity, redeemed once. Only the token's hash is stored. The first node key to redeem it
// owns it: with that key again the answer is the same (a lost reply does no harm), another key is refused.
import { randomBytes, X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';
import type { Json } from '../../lib/table.ts';
import { tokenEvidence } from '../../model/evidence.ts';
import { parseSpiffeId, type SpiffeId, trustDomainUri } from '../../model/spiffe-id.ts';
import { formatJoinToken, type JoinToken, parseJoinToken } from '../join-token.ts';
import type { TrustBundle } from '../trust-bundle.ts';
import { certificateFingerprint, sha256 } from '../x509/fingerprint.ts';
import { uriSans } from '../x509/uri-sans.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';

/** `ttlMs` is at most seven days. */
export interface JoinTokenRequest {
  readonly spiffeId: SpiffeId;
  readonly ttlMs: number;
  /** How many node keys may redeem it. Default 1. */
  readonly uses?: number;
}

export interface JoinTokenAttestor extends Attestor {
  /** Throws `invalid_argument` for a lifetime or a number of uses out of range. The token cannot be read again. */
  createJoinToken(request: JoinTokenRequest): Promise<{ readonly token: Redacted<string>; readonly expiresAt: Date }>;
}

const maxTtlMs = 7 * 86_400_000;
const maxUses = 1000;

interface Stored {
  readonly spiffeId: SpiffeId;
  readonly expiresAt: number;
  readonly uses: number;
}

export function createJoinTokenAttestor({
  tokens: table,
  clock,
  bundle,
}: Pick<AttestorDeps, 'tokens' | 'clock' | 'bundle'>): JoinTokenAttestor {
  /** Whether `nodeKey` has, or gets, one of the token's uses. Each use is one claim, so that each has one winner. */
  async function redeem(hash: string, { uses, expiresAt }: Stored, nodeKey: string): Promise<boolean> {
    const ttlMs = Math.max(1, expiresAt - clock.now());
    for (let use = 0; use < uses; use += 1) {
      const { value } = await table.claim(`use:${hash}:${use}`, nodeKey, { ttlMs });
      if (value === nodeKey) return true;
    }
    return false;
  }

  return {
    async createJoinToken({ spiffeId, ttlMs, uses = 1 }) {
      if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > maxTtlMs) {
        throw new CellwallError('invalid_argument', 'a join token lasts between a millisecond and seven days');
      }
      if (!Number.isInteger(uses) || uses < 1 || uses > maxUses) {
        throw new CellwallError('invalid_argument', `a join token has between 1 and ${maxUses} uses`);
      }
      const secret = randomBytes(32).toString('base64url');
      const expiresAt = clock.now() + ttlMs;
      const pins = pinsOf(bundle.value());
      await table.set(`token:${hashOf(secret)}`, { spiffeId, expiresAt, uses }, { ttlMs });
      const token = formatJoinToken({ secret, ...pins });
      return { token: new Redacted(token), expiresAt: new Date(expiresAt) };
    },
    async secretOf({ token }) {
      if (typeof token !== 'string' || token.length > 2000) return undefined;
      const hash = hashOf(parseJoinToken(token).secret);
      return (await table.get(`token:${hash}`)) === undefined ? undefined : hash;
    },
    async attest({ token }, { nodeKey }) {
      if (typeof token !== 'string' || token.length > 2000) throw refused('there is no join token in the evidence');
      const hash = hashOf(parseJoinToken(token).secret);
      const stored = parseStored(await table.get(`token:${hash}`));
      if (stored === undefined || stored.expiresAt <= clock.now())
        throw refused('this join token is unknown or expired');
      if (!(await redeem(hash, stored, nodeKey))) throw refused('this join token was redeemed with another key');
      return tokenEvidence(stored.spiffeId);
    },
  };
}

/** A token with one root needs nothing else if that root names the trust domain. */
function pinsOf({ trustDomain, roots }: TrustBundle): Pick<JoinToken, 'rootFingerprints' | 'trustDomain'> {
  const certificates = roots.map((pem) => new X509Certificate(pem).raw);
  const rootFingerprints = certificates.map(certificateFingerprint);
  const named = certificates.every((der) => uriSans(der)[0] === trustDomainUri(trustDomain));
  return named && roots.length === 1 ? { rootFingerprints } : { rootFingerprints, trustDomain };
}

function hashOf(secret: string): string {
  return sha256(secret).toString('hex');
}

function parseStored(value: Json | undefined): Stored | undefined {
  if (value === undefined || value === null || typeof value !== 'object' || !('expiresAt' in value)) return undefined;
  const { spiffeId: text, expiresAt, uses } = value;
  const spiffeId = typeof text === 'string' ? parseSpiffeId(text) : undefined;
  if (spiffeId === undefined || typeof expiresAt !== 'number' || typeof uses !== 'number') return undefined;
  return { spiffeId, expiresAt, uses };
}

function refused(message: string): CellwallError {
  return new CellwallError('unauthenticated', message, { hint: 'make a new one: cellwall token create' });
}
