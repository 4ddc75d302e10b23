// Join tokens and issued certificates.

import type { KnownToken } from '../../identity/attestor/join-token.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { parseDuration } from '../../model/duration.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import { authored } from '../caller.ts';
import type { AdminDeps } from '../deps.ts';
import { identityNamed, identityOf, serviceIdentity } from '../identity-named.ts';
import { pickCertificates } from '../pick-certificates.ts';
import { ok, type Route, route } from '../route.ts';
import { certificatesQuerySchema, certificatesSchema } from '../wire-certificates.ts';
import {
  knownTokenSchema,
  revokeJoinTokenBodySchema,
  rotateAnswerSchema,
  rotateBodySchema,
  tokenAnswerSchema,
  tokenBodySchema,
  tokensSchema,
} from '../wire-identity.ts';
import { refusedSvidsSchema } from '../wire-refused-svids.ts';

const longestTtlMs = 24 * 3_600_000;

/** Which roots it believes is for the rotation of roots. */
function shown({ roots: _, ...token }: KnownToken) {
  return token;
}

export function identityRoutes({
  audit,
  tokens,
  certificates,
  rotate,
  resolveService,
  refusedSvids = () => [],
  clock,
  log,
}: AdminDeps): readonly Route[] {
  const named = (text: string): SpiffeId => identityNamed(text, resolveService);
  return [
    route({
      method: 'POST',
      url: '/v1/tokens',
      access: 'admin',
      summary: 'Create a join token for one identity; it can be used once, or as often as it says, and expires.',
      body: tokenBodySchema,
      answer: tokenAnswerSchema,
      errors: [404, 412, 503],
      async handle({ body, caller }) {
        if ((body.service === undefined) === (body.spiffeId === undefined)) {
          throw new CellwallError('invalid_argument', 'give exactly one of "service" and "spiffeId"');
        }
        const { service } = body;
        const id = service === undefined ? identityOf(body.spiffeId ?? '') : serviceIdentity(service, resolveService);
        const ttlMs = parseDuration(body.ttl);
        if (ttlMs === undefined || ttlMs === 0 || ttlMs > longestTtlMs) {
          throw new CellwallError('invalid_argument', `"ttl" is no duration between 1ms and 24h: ${body.ttl}`, {
            hint: 'a whole number and s, m or h, as in "10m"',
          });
        }
        const by = authored(caller, body.reason);
        const { uses } = body;
        const { token, expiresAt, id: name } = await tokens.create({ spiffeId: id, ttlMs, uses, author: by.author });
        await audit.append({ kind: 'token-created', ...by, spiffeId: id, id: name, uses });
        log.info({ spiffeId: id, expiresAt, token: name, uses, ...by }, 'join token created');
        return ok({ token: token.reveal(), spiffeId: id, expiresAt, id: name });
      },
    }),
    route({
      method: 'GET',
      url: '/v1/tokens',
      access: 'viewer',
      summary:
        'The join tokens that have not ended: for whom, and how often each was redeemed. Not the tokens themselves.',
      answer: tokensSchema,
      errors: [503],
      handle: async () => ok({ tokens: (await tokens.list()).map(shown) }),
    }),
    route({
      method: 'POST',
      url: '/v1/tokens/revoke',
      access: 'admin',
      summary: 'Revoke a join token: nobody redeems it any more. Hosts that joined with it stay.',
      body: revokeJoinTokenBodySchema,
      answer: knownTokenSchema,
      errors: [404, 503],
      async handle({ body: { id, reason }, caller }) {
        const revoked = await tokens.revoke(id);
        const by = authored(caller, reason);
        await audit.append({ kind: 'token-revoked', ...by, spiffeId: revoked.spiffeId, id: revoked.id });
        log.info({ spiffeId: revoked.spiffeId, token: revoked.id, ...by }, 'join token revoked');
        return ok(shown(revoked));
      },
    }),
    route({
      method: 'GET',
      url: '/v1/certificates',
      access: 'viewer',
      summary:
        'The CA certificates and all issued ones that have not expired: what each is for, which proxy has it, who asked for it, and ' +
        'what earned it.',
      query: certificatesQuerySchema,
      answer: certificatesSchema,
      errors: [404],
      async handle({ query: { expiring, identity, ended } }) {
        const withinMs = expiring === undefined ? undefined : parseDuration(expiring);
        if (expiring !== undefined && withinMs === undefined) {
          throw new CellwallError('invalid_argument', `"expiring" is no duration: ${expiring}`, {
            hint: 'a whole number and ms, s, m, h or d, as in "24h"',
          });
        }
        const wanted = { withinMs, spiffeId: identity && named(identity), ended: ended !== undefined };
        return ok({ certificates: [...pickCertificates(await certificates(), wanted, clock.now())] });
      },
    }),
    route({
      method: 'GET',
      url: '/v1/refused-svids',
      access: 'viewer',
      summary: 'Who asked for an SVID within the last day and got none, and which selector did not match.',
      answer: refusedSvidsSchema,
      handle: async () => ok({ refused: [...(await refusedSvids())] }),
    }),
    route({
      method: 'POST',
      url: '/v1/certificates/rotate',
      access: 'admin',
      summary: 'Renew pushed certificates now.',
      body: rotateBodySchema,
      answer: rotateAnswerSchema,
      errors: [404, 503],
      async handle({ body, caller }) {
        const { selector } = body;
        const id = selector === undefined ? undefined : named(selector);
        const answer = await rotate(id);
        const { rotated } = answer;
        const by = authored(caller, body.reason);
        await audit.append({ kind: 'certificates-rotated', ...by, ...defined({ selector }), rotated });
        log.info({ selector, rotated, ...by }, 'certificates rotated on request');
        return ok(answer);
      },
    }),
  ];
}
