// Every route of the admin API, each with who may call it.
import type { AdminDeps } from './deps.ts';
import { createTroubles } from './doctor/troubles.ts';
import { createMapReader } from './map-reader.ts';
import { openapi } from './openapi.ts';
import { createSessions } from './page/sessions.ts';
import { createProxyRows } from './proxy-rows.ts';
import { createStatusReader } from './read-status.ts';
import { ok, type Route, route } from './route.ts';
import { applyRoutes } from './routes/apply.ts';
import { banRoutes } from './routes/bans.ts';
import { caRoutes } from './routes/ca.ts';
import { doctorRoutes } from './routes/doctor.ts';
import { documentRoutes } from './routes/documents.ts';
import { envoyRoutes } from './routes/envoy.ts';
import { explainRoutes } from './routes/explain.ts';
import { healthRoutes } from './routes/health.ts';
import { historyRoutes } from './routes/history.ts';
import { hostRoutes } from './routes/hosts.ts';
import { identityRoutes } from './routes/identity.ts';
import { jwtSvidRoutes } from './routes/jwt-svids.ts';
import { mapRoutes } from './routes/map.ts';
import { namedTokenRoutes } from './routes/named-tokens.ts';
import { reportRoutes } from './routes/reports.ts';
import { serviceRoutes } from './routes/services.ts';
import { type PageParts, sessionRoutes } from './routes/sessions.ts';
import { signalRoutes } from './routes/signals.ts';
import { simulateRoutes } from './routes/simulate.ts';
import { statusRoutes } from './routes/status.ts';
import { tryRoutes } from './routes/try.ts';
import { waitingRoutes } from './routes/waiting.ts';

/** In the order in which the OpenAPI document lists them; that document is the last one. */
export function adminRoutes(deps: AdminDeps, page: PageParts = noPage(deps)): readonly Route[] {
  const rows = createProxyRows(deps);
  const readStatus = createStatusReader(deps);
  const readMap = createMapReader(deps);
  const troubles = createTroubles(deps, readMap, rows);
  const described = [
    ...healthRoutes(deps),
    ...documentRoutes(deps),
    ...applyRoutes(deps),
    ...simulateRoutes(deps),
    ...tryRoutes(deps),
    ...historyRoutes(deps),
    ...waitingRoutes(deps),
    ...statusRoutes(deps, rows, readStatus),
    ...serviceRoutes(deps),
    ...signalRoutes(deps),
    ...reportRoutes(deps),
    ...mapRoutes(readMap, troubles),
    ...envoyRoutes(deps),
    ...explainRoutes(deps),
    ...doctorRoutes(deps, { rows, troubles, status: readStatus }),
    ...identityRoutes(deps),
    ...jwtSvidRoutes(deps),
    ...caRoutes(deps),
    ...hostRoutes(deps),
    ...banRoutes(deps),
    ...namedTokenRoutes(deps),
    ...sessionRoutes(page),
  ];
  const description = route({
    method: 'GET',
    url: '/openapi.json',
    access: 'viewer',
    summary: 'This OpenAPI document.',
    handle: () => ok(openapi(described, deps.status().version)),
  });
  return [...described, description];
}

/** For whoever only looks at the routes. */
function noPage({ clock }: Pick<AdminDeps, 'clock'>): PageParts {
  return { sessions: createSessions(clock), address: () => undefined };
}
