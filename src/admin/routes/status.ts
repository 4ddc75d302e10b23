// What is running, and its condition: the control plane, its proxies, the traffic they report.
import type { AdminDeps } from '../deps.ts';
import { ok, type Route, route } from '../route.ts';
import { type StatusAnswer, statusSchema } from '../wire.ts';
import { type ProxyRow, proxiesSchema } from '../wire-proxies.ts';
import { trafficSchema } from '../wire-record.ts';

export function statusRoutes(
  { traffic, handshakes = () => [], record }: Pick<AdminDeps, 'traffic' | 'handshakes' | 'record'>,
  rows: () => Promise<readonly ProxyRow[]>,
  readStatus: () => Promise<StatusAnswer>,
): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/status',
      access: 'viewer',
      summary: 'The control plane: revision, readiness, problems, and where its trust bundle is published.',
      answer: statusSchema,
      handle: async () => ok(await readStatus()),
    }),
    route({
      method: 'GET',
      url: '/v1/proxies',
      access: 'viewer',
      summary: 'Every known proxy: what it was sent, what it accepted or rejected, its certificate.',
      answer: proxiesSchema,
      handle: async () => ok({ proxies: [...(await rows())] }),
    }),
    route({
      method: 'GET',
      url: '/v1/traffic',
      access: 'viewer',
      summary:
        'Requests and connections that proxies reported, by service, kind of caller and decision; TLS handshakes that failed.',
      answer: trafficSchema,
      async handle() {
        await record.refresh?.();
        return ok({ traffic: [...traffic()], handshakes: [...handshakes()] });
      },
    }),
  ];
}
