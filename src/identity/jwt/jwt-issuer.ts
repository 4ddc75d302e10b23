// Issues JWT-SVIDs: short-lived tokens that say who a workload is, to the audiences that it names.
// https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md
import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';
import { type SpiffeId, type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import type { Entitled } from '../entitled.ts';
import type { IssuedJwt } from './issued-jwts.ts';
import type { JwtKeys } from './jwt-keys.ts';

export interface JwtSvid {
  readonly spiffeId: SpiffeId;
  readonly token: Redacted<string>;
  /** Its `jti`: 128 random bits. */
  readonly serial: string;
  /** Epoch milliseconds, of whole seconds. */
  readonly expiresAt: number;
}

/** Who asks: the host by its node key, and from where. */
export interface JwtRequester {
  readonly nodeKey?: string | undefined;
  readonly address?: string | undefined;
}

export interface JwtIssuer {
  /**
   * Throws `permission_denied` for whom no document gives an identity, and for the control plane's own kind; `invalid_argument` for
   * audiences that are none.
   */
  issue(spiffeId: SpiffeId, audience: readonly string[], by?: JwtRequester): Promise<JwtSvid>;
}

export interface JwtIssuerOptions {
  readonly keys: Pick<JwtKeys, 'signing'>;
  readonly entitled: Entitled;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  /** Each is put on record before it is given away. Absent: none is. */
  readonly record?: (issued: IssuedJwt) => Promise<void>;
  /** The URL that tokens name as their issuer. Default: they name none. */
  readonly issuer?: string;
  /** Of a token, in milliseconds, unless its identity ends before. Default five minutes: nothing can take a token back. */
  readonly lifetimeMs?: number;
}

const [mostAudiences, mostAudienceBytes] = [16, 1024];

export function createJwtIssuer(options: JwtIssuerOptions): JwtIssuer {
  const { keys, entitled, trustDomain, clock, issuer: iss, record = async () => {}, lifetimeMs = 5 * 60_000 } = options;
  const reserved = `${trustDomainUri(trustDomain)}/cellwall/`;
  return {
    async issue(spiffeId, audience, { nodeKey, address } = {}) {
      checkAudience(audience);
      // Operators and control planes are known by their certificates alone.
      if (spiffeId.startsWith(reserved))
        throw new CellwallError('permission_denied', `there are no tokens for ${spiffeId}`);
      const policy = await entitled(spiffeId, nodeKey);
      const now = clock.now();
      const ends = Math.min(now + lifetimeMs, now + policy.lifetimeMs, policy.notAfter ?? Number.POSITIVE_INFINITY);
      const [issued, expires] = [Math.floor(now / 1000), Math.floor(ends / 1000)];
      if (expires <= issued)
        throw new CellwallError('permission_denied', `what earned this host ${spiffeId} has ended`);
      const { kid, key } = await keys.signing();
      const jti = randomBytes(16).toString('base64url');
      const token = await new SignJWT({
        ...defined({ iss }),
        aud: [...audience],
        sub: spiffeId,
        iat: issued,
        exp: expires,
        jti,
      })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
        .sign(key);
      const times = { issuedAt: issued * 1000, expiresAt: expires * 1000 };
      await record({ serial: jti, key: kid, spiffeId, audience, ...times, ...defined({ nodeKey, address }) });
      return { spiffeId, token: new Redacted(token), serial: jti, expiresAt: times.expiresAt };
    },
  };
}

function checkAudience(audience: readonly string[]): void {
  if (audience.length === 0) throw new CellwallError('invalid_argument', 'a JWT-SVID needs an audience');
  const odd = audience.some((one) => one === '' || Buffer.byteLength(one) > mostAudienceBytes || /\p{Cc}/u.test(one));
  if (!odd && audience.length <= mostAudiences && new Set(audience).size === audience.length) return;
  throw new CellwallError('invalid_argument', 'these are no audiences', {
    hint: `${mostAudiences} at most, each once, of 1 to ${mostAudienceBytes} bytes without control characters`,
  });
}
