// Liveness, readiness and metrics: for probes and scrapers.
import { defined } from '../../lib/defined.ts';
import type { AdminDeps } from '../deps.ts';
import { ok, type Route, route } from '../route.ts';
import { healthSchema, readySchema } from '../wire.ts';

export function healthRoutes({ ready, metrics }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/healthz',
      summary: 'The process is alive.',
      access: 'open',
      answer: healthSchema,
      handle: () => ok({ status: 'ok' as const }),
    }),
    route({
      method: 'GET',
      url: '/readyz',
      summary:
        'It serves proxies: documents loaded, authority usable, listeners open. 503 with the reasons if not. `stale` if the store is away.',
      access: 'open',
      answer: readySchema,
      errors: [503],
      handle() {
        const { ready: isReady, reasons, stale } = ready();
        const value = { ready: isReady, reasons: [...reasons], ...defined({ stale }) };
        return { kind: 'ok', value, status: isReady ? 200 : 503 };
      },
    }),
    route({
      method: 'GET',
      url: '/metrics',
      summary:
        'Prometheus metrics. Without a token, only from this host, and without those that name proxies and edges.',
      access: 'loopback',
      async handle({ caller }) {
        const named = caller.role !== undefined;
        return { kind: 'text', value: await metrics(named), mediaType: 'text/plain; version=0.0.4; charset=utf-8' };
      },
    }),
  ];
}
