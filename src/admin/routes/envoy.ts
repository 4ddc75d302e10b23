// What a proxy was sent, with the documents that made it.
import { CellwallError } from '../../lib/errors.ts';
import type { AdminDeps } from '../deps.ts';
import { ok, type Route, route } from '../route.ts';
import { sentQuerySchema, sentSchema } from '../wire-envoy.ts';
import { wirePlace } from '../wire-place.ts';

export function envoyRoutes({ sentTo = () => undefined }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/envoy',
      access: 'viewer',
      summary: 'What a proxy was sent, resource by resource, and the documents behind each of them.',
      query: sentQuerySchema,
      answer: sentSchema,
      errors: [404, 503],
      handle({ query: { proxy } }) {
        const sent = sentTo(proxy.startsWith('spiffe://') ? proxy : `spiffe://${proxy}`);
        if (sent === undefined) {
          throw new CellwallError('not_found', `no proxy ${JSON.stringify(proxy)} that was sent anything`, {
            hint: '"cellwall status" names them: give the whole name, including the part after the "~"',
          });
        }
        const { node, revision, resources } = sent;
        return ok({
          node,
          revision,
          resources: resources.map(({ madeBy, ...resource }) => ({ ...resource, madeBy: madeBy.map(wirePlace) })),
        });
      },
    }),
  ];
}
