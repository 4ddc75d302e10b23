// JWT-SVIDs over the identity API: a token for who has an SVID, and the keys for anybody.
import type { JwtIssuer } from '../identity/jwt/jwt-issuer.ts';
import type { JwtKeys } from '../identity/jwt/jwt-keys.ts';
import { createBudget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Peer } from './identity-of.ts';
import type { JwtReply } from './identity-protocol.ts';

export interface JwtServices {
  readonly issuer: JwtIssuer;
  readonly keys: Pick<JwtKeys, 'published'>;
}

export interface JwtRoutes {
  issue(
    body: Readonly<Record<string, unknown>>,
    peer: Peer,
    address: string,
  ): Promise<JwtReply & { readonly serial: string }>;
  /** A JWK Set, as in a SPIFFE bundle. */
  keys(): Promise<string>;
}

/** Per host: a token a second is more than anybody needs who keeps them until they end. */
const pace = { burst: 200, everyMs: 200 };

/** Undefined: there are none, and both routes answer `unimplemented`. */
export function createJwtRoutes(jwt: JwtServices | undefined, clock: Clock): JwtRoutes {
  const budget = createBudget({ clock, ...pace });
  const there = (): JwtServices => {
    if (jwt !== undefined) return jwt;
    throw new CellwallError('unimplemented', 'this control plane issues no JWT-SVIDs');
  };
  return {
    async issue(body, { spiffeId, nodeKey }, address) {
      const { issuer } = there();
      const wait = budget.spend(nodeKey ?? spiffeId);
      if (wait > 0) {
        throw new CellwallError('resource_exhausted', 'JWT-SVIDs are asked for too often', {
          hint: `a token is good until it ends: try again in ${Math.ceil(wait / 1000)} s`,
        });
      }
      const { audience } = body;
      const texts = Array.isArray(audience) ? audience.filter((one) => typeof one === 'string') : [];
      if (!Array.isArray(audience) || texts.length !== audience.length) {
        throw new CellwallError('invalid_argument', '"audience" must be a list of texts');
      }
      const { token, serial, expiresAt } = await issuer.issue(spiffeId, texts, { nodeKey, address });
      return { spiffeId, token: token.reveal(), serial, expiresAt: new Date(expiresAt).toISOString() };
    },
    keys: async () => JSON.stringify({ keys: await there().keys.published() }),
  };
}
