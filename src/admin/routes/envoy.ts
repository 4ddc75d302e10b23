// What a proxy was sent, with the documents that made it.
import { CellwallError } from '../../lib/errors.ts';
import { parseDuration } from '../../model/duration.ts';
import { authored } from '../caller.ts';
import type { AdminDeps } from '../deps.ts';
import { ok, type Route, route } from '../route.ts';
import { logLevelsAnswerSchema, logLevelsBodySchema, sentQuerySchema, sentSchema } from '../wire-envoy.ts';
import { wirePlace } from '../wire-place.ts';

const longestMs = 24 * 3_600_000;

export function envoyRoutes({
  sentTo = () => undefined,
  proxies,
  logLevels,
  audit,
  clock,
  log,
}: AdminDeps): readonly Route[] {
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
        const sent = sentTo(nodeOf(proxy));
        if (sent === undefined) throw noSuchProxy(proxy);
        const { node, revision, resources } = sent;
        return ok({
          node,
          revision,
          resources: resources.map(({ madeBy, ...resource }) => ({ ...resource, madeBy: madeBy.map(wirePlace) })),
        });
      },
    }),
    route({
      method: 'POST',
      url: '/v1/envoy/log-levels',
      access: 'admin',
      summary:
        'Have the Envoy of a proxy log more, or less, for a while. What it logs may hold headers, tokens among them.',
      body: logLevelsBodySchema,
      answer: logLevelsAnswerSchema,
      errors: [404, 412, 503],
      async handle({ body: { proxy, levels, for: time, reason }, caller }) {
        const node = nodeOf(proxy);
        const forMs = parseDuration(time);
        if (forMs === undefined || forMs < 1000 || forMs > longestMs) {
          throw new CellwallError('invalid_argument', `"for" is no duration between 1s and 24h: ${time}`, {
            hint: 'a whole number and s, m or h, as in "10m"',
          });
        }
        const known = sentTo(node) ?? (await proxies()).find((one) => one.node === node);
        if (known === undefined) throw noSuchProxy(proxy);
        const by = authored(caller, reason);
        const named = Object.entries(levels).map(([logger, level]) => `${logger}=${level}`);
        // Before it is done: whoever saw it is on record, also if nobody hears that it was.
        await audit.append({ kind: 'log-levels-set', ...by, node, levels: named, seconds: Math.round(forMs / 1000) });
        log.info({ node, levels: named, forMs, ...by }, 'the log levels of an Envoy are being set');
        const loggers = await logLevels({ node, levels, forMs });
        return ok({ node, loggers, ...(named.length === 0 ? {} : { until: clock.now() + forMs }) });
      },
    }),
  ];
}

function nodeOf(proxy: string): string {
  return proxy.startsWith('spiffe://') ? proxy : `spiffe://${proxy}`;
}

function noSuchProxy(proxy: string): CellwallError {
  return new CellwallError('not_found', `no proxy ${JSON.stringify(proxy)} that was sent anything`, {
    hint: '"cellwall status" names them: give the whole name, including the part after the "~"',
  });
}
