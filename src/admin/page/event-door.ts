// Adds `GET /v1/events` (event-stream.ts) beside the routes: an answer that does not end is none of theirs.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AdminDeps } from '../deps.ts';
import { securityHeaders } from '../guard.ts';
import { createEventStream, type EventStream } from './event-stream.ts';
import { pulseOf } from './pulse.ts';
import type { Known } from './sessions.ts';

/** `knownOf`: whose request it is. Close what is returned before the server. */
export function addEvents(
  app: FastifyInstance,
  deps: Pick<AdminDeps, 'store' | 'proxies' | 'ready' | 'published' | 'clock' | 'log'>,
  knownOf: (request: FastifyRequest) => Known,
): Pick<EventStream, 'close'> {
  const { store, proxies, ready, clock, log } = deps;
  const events = createEventStream({
    clock,
    log,
    pulse() {
      const revision = store.state()?.revision;
      const published = deps.published === undefined ? revision : deps.published();
      const problems = store.problems().length;
      return pulseOf({ revision, published, ready: ready().ready, problems, proxies: proxies() });
    },
  });
  app.get('/v1/events', { config: { access: 'viewer' } }, (request, reply) => {
    // Throws before the answer is taken out of fastify's hands: then it is an ordinary error.
    events.open(knownOf(request), () => {
      reply.hijack();
      return reply.raw.writeHead(200, { ...securityHeaders, 'content-type': 'text/event-stream; charset=utf-8' });
    });
  });
  return events;
}
