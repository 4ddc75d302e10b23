// Bans: who is refused, by the control plane and by every proxy.
import type { BanQuery } from '../../control/banning.ts';
import { CellwallError } from '../../lib/errors.ts';
import { parseSpiffeId } from '../../model/spiffe-id.ts';
import { authored } from '../caller.ts';
import type { AdminDeps, BanRow } from '../deps.ts';
import { ok, type Route, route } from '../route.ts';
import { type BanBody, banAnswerSchema, banBodySchema, bansSchema, liftAnswerSchema } from '../wire-bans.ts';

export function banRoutes({ bans, resolveService, audit, log }: AdminDeps): readonly Route[] {
  const queryOf = ({ identity, serial, node }: BanBody): BanQuery => {
    const given = [identity, serial, node].filter((one) => one !== undefined);
    if (given.length !== 1) {
      throw new CellwallError('invalid_argument', 'give exactly one of "identity", "serial" and "node"');
    }
    if (serial !== undefined) return { kind: 'serial', serial };
    if (node !== undefined) return { kind: 'node', node };
    const text = identity ?? '';
    const spiffeId = text.startsWith('spiffe:') ? parseSpiffeId(text) : resolveService(text);
    if (spiffeId !== undefined) return { kind: 'identity', spiffeId };
    throw new CellwallError('not_found', `no service, and not a SPIFFE ID: ${JSON.stringify(text)}`, {
      hint: 'as in "cell-1/api", or "spiffe://example.org/cell/cell-1/service/api"; one that no document has can be banned by its ID',
    });
  };
  return [
    route({
      method: 'GET',
      url: '/v1/bans',
      access: 'viewer',
      summary: 'Who is banned, and which proxies do not refuse all of them yet.',
      answer: bansSchema,
      handle: async () => ok({ bans: [...bans.list()], waiting: [...(await bans.waiting())] }),
    }),
    route({
      method: 'POST',
      url: '/v1/bans',
      access: 'admin',
      summary: 'Ban an identity or a host: no certificate, no stream, and every proxy refuses it at once.',
      body: banBodySchema,
      answer: banAnswerSchema,
      errors: [404, 412, 503],
      async handle({ body, caller }) {
        const by = authored(caller, body.reason);
        const { ban, proxies, failed } = await bans.ban(queryOf(body), by);
        await audit.append({ kind: 'banned', ...by, ...whomOf(ban) });
        log.warn({ ...whomOf(ban), proxies, ...by }, 'banned');
        if (failed !== undefined) throw failed;
        return ok({ ban, proxies: [...proxies] });
      },
    }),
    route({
      method: 'POST',
      url: '/v1/bans/lift',
      access: 'admin',
      summary: 'Lift a ban.',
      body: banBodySchema,
      answer: liftAnswerSchema,
      errors: [404, 412, 503],
      async handle({ body, caller }) {
        const by = authored(caller, body.reason);
        const ban = await bans.lift(queryOf(body));
        if (ban === undefined) return ok({ lifted: false });
        await audit.append({ kind: 'unbanned', ...by, ...whomOf(ban) });
        log.warn({ ...whomOf(ban), ...by }, 'a ban was lifted');
        return ok({ lifted: true, ban });
      },
    }),
  ];
}

function whomOf({ target, spiffeId }: BanRow): { readonly spiffeId?: string; readonly nodeKey?: string } {
  if (target.kind === 'identity') return { spiffeId: target.spiffeId };
  return spiffeId === undefined ? { nodeKey: target.nodeKey } : { nodeKey: target.nodeKey, spiffeId };
}
