// JWT-SVIDs that were issued.
import { defined } from '../../lib/defined.ts';
import type { AdminDeps } from '../deps.ts';
import { identityNamed } from '../identity-named.ts';
import { ok, type Route, route } from '../route.ts';
import { jwtSvidsQuerySchema, jwtSvidsSchema } from '../wire-jwt-svids.ts';

export function jwtSvidRoutes({ jwtSvids = () => [], resolveService, clock }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/jwt-svids',
      access: 'viewer',
      summary:
        'The JWT-SVIDs that have not ended: for whom and for which audiences, and who asked for them. Not the tokens.',
      query: jwtSvidsQuerySchema,
      answer: jwtSvidsSchema,
      errors: [404],
      async handle({ query: { identity, ended } }) {
        const wanted = identity === undefined ? undefined : identityNamed(identity, resolveService);
        const now = clock.now();
        const found = (await jwtSvids())
          .filter(({ spiffeId }) => wanted === undefined || spiffeId === wanted)
          .filter(({ expiresAt }) => ended !== undefined || expiresAt > now)
          .toSorted((a, b) => b.issuedAt - a.issuedAt);
        return ok({
          jwtSvids: found.map(({ address, audience, ...row }) => ({
            ...{ ...row, audience: [...audience], ...defined({ requester: address }) },
          })),
        });
      },
    }),
  ];
}
