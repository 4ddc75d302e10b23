// Join tokens: created by an operator for one identity, redeemed once. Only the token's hash is stored. The first node key to redeem it
// owns it: with that key again the answer is the same (a lost reply does no harm), another key is refused.
import { randomBytes, X509Certificate } from 'node:crypto';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';
import type { Json } from '../../lib/table.ts';
import { tokenEvidence } from '../../model/evidence.ts';
import { parseSpiffeId, type SpiffeId, trustDomainUri } from '../../model/spiffe-id.ts';
import { formatJoinToken, type JoinToken, parseJoinToken } from '../join-token.ts';
import { rootName } from '../roots/roots-record.ts';
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
  /** Who creates it. */
  readonly author?: string;
}

/** A token that can still be redeemed, or was redeemed and has not ended. */
export interface KnownToken {
  /** The beginning of its hash: it is shown, and reveals nothing of the token. */
  readonly id: string;
  readonly spiffeId: SpiffeId;
  readonly expiresAt: number;
  readonly uses: number;
  /** How many of them are taken. */
  readonly used: number;
  /** Epoch milliseconds; 0 if an earlier version created it. */
  readonly createdAt: number;
  readonly author?: string;
  /** Names of the roots whose fingerprints it carries (roots/roots-record.ts): it believes no others. Empty: not known. */
  readonly roots: readonly string[];
}

export interface JoinTokenAttestor extends Attestor {
  /** Those that end first, first. */
  list(): Promise<readonly KnownToken[]>;
  /**
   * Nobody redeems it any more, nor gets anything for it again. Hosts that joined with it stay. Throws `not_found` for an id that no token
   * has, `invalid_argument` for one that several have.
   */
  revoke(id: string): Promise<KnownToken>;
  /** Throws `invalid_argument` for a lifetime or a number of uses out of range. The token cannot be read again. */
  createJoinToken(
    request: JoinTokenRequest,
  ): Promise<{ readonly token: Redacted<string>; readonly expiresAt: Date; readonly id: string }>;
}

const maxTtlMs = 7 * 86_400_000;
const maxUses = 1000;

interface Stored {
  readonly spiffeId: SpiffeId;
  readonly expiresAt: number;
  readonly uses: number;
  readonly createdAt: number;
  readonly author?: string;
  readonly roots: readonly string[];
}

const tokenPrefix = 'token:';
/** The digits of a hash that name a token: more than enough, as few exist at a time. */
const idDigits = 12;

/** What a token is called, by its hash. */
export function tokenId(hash: string): string {
  return hash.slice(0, idDigits);
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

  async function known(): Promise<readonly { readonly hash: string; readonly token: KnownToken }[]> {
    const entries = await table.list();
    const used = new Map<string, number>();
    for (const { key } of entries) {
      const hash = /^use:([0-9a-f]{64}):/.exec(key)?.[1];
      if (hash !== undefined) used.set(hash, (used.get(hash) ?? 0) + 1);
    }
    const tokens = entries.flatMap(({ key, value }) => {
      const hash = key.startsWith(tokenPrefix) ? key.slice(tokenPrefix.length) : '';
      const stored = hash === '' ? undefined : parseStored(value);
      if (stored === undefined || stored.expiresAt <= clock.now()) return [];
      return [{ hash, token: { id: tokenId(hash), used: used.get(hash) ?? 0, ...stored } }];
    });
    return tokens.toSorted((a, b) => a.token.expiresAt - b.token.expiresAt);
  }

  return {
    async createJoinToken({ spiffeId, ttlMs, uses = 1, author }) {
      if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > maxTtlMs) {
        throw new CellwallError('invalid_argument', 'a join token lasts between a millisecond and seven days');
      }
      if (!Number.isInteger(uses) || uses < 1 || uses > maxUses) {
        throw new CellwallError('invalid_argument', `a join token has between 1 and ${maxUses} uses`);
      }
      const secret = randomBytes(32).toString('base64url');
      const expiresAt = clock.now() + ttlMs;
      const pins = pinsOf(bundle.value());
      const hash = hashOf(secret);
      const roots = bundle.value().roots.map(rootName);
      const made = { spiffeId, expiresAt, uses, createdAt: clock.now(), roots, ...defined({ author }) };
      await table.set(`${tokenPrefix}${hash}`, made, { ttlMs });
      const token = formatJoinToken({ secret, ...pins });
      return { token: new Redacted(token), expiresAt: new Date(expiresAt), id: tokenId(hash) };
    },
    list: async () => (await known()).map(({ token }) => token),
    async revoke(id) {
      const those = (await known()).filter(({ hash }) => id.length >= idDigits && hash.startsWith(id));
      const [found, ...more] = those;
      if (found === undefined) {
        throw new CellwallError('not_found', 'there is no join token with that id', {
          hint: '"cellwall token list" shows those that have not ended',
        });
      }
      if (more.length > 0) {
        throw new CellwallError('invalid_argument', 'more than one token has an id that begins so', {
          hint: 'give more digits of its hash',
        });
      }
      const ttlMs = Math.max(1, found.token.expiresAt - clock.now());
      // Kept as revoked rather than deleted: what is deleted could be put back by who can write to the store.
      await table.set(`${tokenPrefix}${found.hash}`, { revoked: true }, { ttlMs });
      return found.token;
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
      // It may have been revoked meanwhile.
      if (parseStored(await table.get(`token:${hash}`)) === undefined) throw refused('this join token was revoked');
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
  const {
    spiffeId: text,
    expiresAt,
    uses,
    createdAt = 0,
    author,
    roots,
  }: Partial<Record<keyof Stored, unknown>> = value;
  const spiffeId = typeof text === 'string' ? parseSpiffeId(text) : undefined;
  if (spiffeId === undefined || typeof expiresAt !== 'number' || typeof uses !== 'number') return undefined;
  const by = typeof author === 'string' ? { author } : {};
  const at = typeof createdAt === 'number' ? createdAt : 0;
  return { spiffeId, expiresAt, uses, createdAt: at, roots: Array.isArray(roots) ? roots.map(String) : [], ...by };
}

function refused(message: string): CellwallError {
  return new CellwallError('unauthenticated', message, { hint: 'make a new one: cellwall token create' });
}
