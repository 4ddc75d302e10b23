// Named tokens of this API: created, listed, revoked. Nobody can grant what they do not have.
import { CellwallError } from '../../lib/errors.ts';
import { parseDuration } from '../../model/duration.ts';
import { authored } from '../caller.ts';
import type { AdminDeps } from '../deps.ts';
import { isTokenName } from '../named-token.ts';
import { ok, type Route, route } from '../route.ts';
import {
  namedTokenAnswerSchema,
  namedTokenBodySchema,
  namedTokensSchema,
  revokeTokenAnswerSchema,
  revokeTokenBodySchema,
} from '../wire-access.ts';

const longestTtlMs = 366 * 86_400_000;

export function namedTokenRoutes({ namedTokens, audit, log }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/admin-tokens',
      access: 'admin',
      summary: 'The named tokens of this API, with the role and expiry of each.',
      answer: namedTokensSchema,
      errors: [503],
      handle: async () => ok({ tokens: [...(await namedTokens.list())] }),
    }),
    route({
      method: 'POST',
      url: '/v1/admin-tokens',
      access: 'admin',
      summary: 'Create a named token of this API, with a role. Its text is returned only once.',
      body: namedTokenBodySchema,
      answer: namedTokenAnswerSchema,
      errors: [409, 503],
      async handle({ body: { name, role, rawResources, ttl, reason }, caller }) {
        if (!isTokenName(name)) {
          throw new CellwallError('invalid_argument', `the name ${JSON.stringify(name)} is reserved`, {
            hint: 'choose another: as the author of changes it would be taken for somebody else',
          });
        }
        if (rawResources && !caller.rawResources) {
          throw new CellwallError('permission_denied', `${caller.name} may not give the right to raw resources`, {
            hint: 'only who has that right gives it: the token of the data folder does',
          });
        }
        const ttlMs = parseDuration(ttl);
        if (ttlMs === undefined || ttlMs === 0 || ttlMs > longestTtlMs) {
          throw new CellwallError('invalid_argument', `"ttl" is no duration between 1ms and 366d: ${ttl}`, {
            hint: 'a whole number and s, m, h or d, as in "90d"',
          });
        }
        const made = await namedTokens.create({ name, role, rawResources, author: caller.name, ttlMs });
        const { expiresAt } = made.of;
        try {
          await audit.append({
            kind: 'admin-token-created',
            ...authored(caller, reason),
            name,
            role,
            rawResources,
            expiresAt,
          });
        } catch (unwritten) {
          // Nobody has seen it; what cannot be recorded is not granted.
          await namedTokens.revoke(name);
          throw unwritten;
        }
        log.info({ name, role, rawResources, expiresAt, author: caller.name }, 'admin token created');
        return ok({ ...made.of, token: made.token.reveal() });
      },
    }),
    route({
      method: 'POST',
      url: '/v1/admin-tokens/revoke',
      access: 'admin',
      summary: 'Revoke a named token, including on open connections.',
      body: revokeTokenBodySchema,
      answer: revokeTokenAnswerSchema,
      errors: [404, 503],
      async handle({ body: { name, reason }, caller }) {
        await namedTokens.revoke(name);
        log.warn({ name, author: caller.name }, 'admin token revoked');
        await audit.append({ kind: 'admin-token-revoked', ...authored(caller, reason), name });
        return ok({ revoked: name });
      },
    }),
  ];
}
