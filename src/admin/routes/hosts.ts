// Hosts that joined, and their eviction.
import { authored } from '../caller.ts';
import type { AdminDeps } from '../deps.ts';
import { ok, type Route, route } from '../route.ts';
import { evictAnswerSchema, evictBodySchema, hostHistorySchema, hostsSchema } from '../wire-hosts.ts';

export function hostRoutes({ hosts, resolveService, audit, log }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/hosts',
      access: 'viewer',
      summary: 'The hosts that joined, by their node keys.',
      answer: hostsSchema,
      errors: [503],
      handle: async () => ok({ hosts: (await hosts.list()).map((host) => ({ ...host, proxies: [...host.proxies] })) }),
    }),
    route({
      method: 'GET',
      url: '/v1/hosts/history',
      access: 'viewer',
      summary: 'How hosts proved themselves, and when.',
      answer: hostHistorySchema,
      errors: [503],
      handle: async () =>
        ok({ history: (await hosts.history()).map((one) => ({ ...one, values: { ...one.values } })) }),
    }),
    route({
      method: 'POST',
      url: '/v1/hosts/evict',
      access: 'admin',
      summary: 'Evict a host: its node key, and every SVID bound to it, are refused from now on.',
      body: evictBodySchema,
      answer: evictAnswerSchema,
      errors: [404, 503],
      async handle({ body: { target, reason }, caller }) {
        const by = authored(caller, reason);
        const isName = !target.startsWith('spiffe:') && !/^[0-9a-f]{12,64}$/.test(target);
        const { nodeKeys, proxies } = await hosts.evict((isName ? resolveService(target) : undefined) ?? target);
        await Promise.all(nodeKeys.map((nodeKey) => audit.append({ kind: 'host-evicted', ...by, nodeKey })));
        log.warn({ nodeKeys, proxies, ...by }, 'hosts were evicted');
        return ok({ nodeKeys: [...nodeKeys], proxies: [...proxies] });
      },
    }),
  ];
}
