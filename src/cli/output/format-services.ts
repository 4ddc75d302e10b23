// The services in `cellwall status`: how far each is on the way to strict, and what answers at endpoints that it names itself. Pure.
import type { ProxiesAnswer } from '../../admin/wire-proxies.ts';
import type { ServicesAnswer } from '../../admin/wire-services.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { proxyPorts, serves, servesPort } from './proxy-ports.ts';
import { formatTable } from './table.ts';

type Service = ServicesAnswer['services'][number];
type Proxy = ProxiesAnswer['proxies'][number];
type Endpoint = NonNullable<Service['endpoints']>[number];

export function formatServices(services: readonly Service[], proxies: readonly Proxy[], width?: number): string {
  // The document's place is the last column.
  const shown = (row: readonly string[]): readonly string[] => (width === undefined ? row : row.slice(0, -1));
  const table = formatTable(
    shown(['SERVICE', 'MTLS', 'PROXIES', 'CUT-OVER', 'DOCUMENT']),
    services
      .flatMap((service) => {
        if (service.external) {
          const { file, line } = service.source;
          return [[service.service, '-', '-', `outside of the mesh: ${service.spiffeId}`, `${file}:${line}`]];
        }
        const own = proxies.filter((proxy) => proxy.service === service.service);
        const { fine, all } = countsOf(service, own);
        const { file, line } = service.source;
        const row = [service.service, service.mtls, `${fine}/${all}`, cutOverOf(service, own), `${file}:${line}`];
        const ports = (service.ports ?? []).map(({ name, protocol }) => {
          const serving = own.filter((proxy) => servesPort(proxy, name)).length;
          return [
            `  :${name} (${protocol})`,
            '',
            `${serving}/${own.length}`,
            serving === 0 ? 'no proxy serves it' : '',
            '',
          ];
        });
        return [row, ...(service.endpointCounts === undefined ? ports : [])];
      })
      .map(shown),
    width,
  );
  const told = services.flatMap(({ endpoints = [] }) =>
    endpoints
      .filter(({ state }) => state !== 'fine')
      .map((endpoint) => [endpoint.of, formatHostPort(endpoint), endpoint.what, endpoint.toDo]),
  );
  if (told.length === 0) return table;
  return `${table}\n${formatTable(['SERVICE', 'ITS ENDPOINT', 'ANSWERS', 'WHAT TO DO'], told, width)}`;
}

/** Of those that are known, also such as are missed: which are connected, have accepted everything, and whose application answers. */
export function countsOf({ endpointCounts }: Service, own: readonly Proxy[]): { fine: number; all: number } {
  if (endpointCounts !== undefined) return endpointCounts;
  const fine = own.filter((proxy) => proxy.state === 'connected' && serves(proxy) === 'yes' && !isBehind(proxy));
  return { fine: fine.length, all: own.length };
}

/** It rejected something, has not answered yet, or was not sent it. */
function isBehind({ types, withheld, outdated }: Proxy): boolean {
  return withheld !== undefined || outdated !== undefined || types.some(isOpen);
}

function isOpen({ nack, sentRevision = 0, ackedRevision = 0 }: Proxy['types'][number]): boolean {
  return nack !== undefined || sentRevision > ackedRevision;
}

/** As before, but of what decides how it takes calls: an older listener may still be permissive. */
function listensAsBefore({ types, withheld, outdated }: Proxy): boolean {
  if (withheld !== undefined || outdated !== undefined) return true;
  return types.some((type) => {
    const { typeUrl, nack } = type;
    if (!typeUrl.endsWith('.Listener') || !isOpen(type)) return false;
    const rejected = nack?.resources ?? [];
    return rejected.length === 0 || rejected.some(({ name }) => name.startsWith('inbound'));
  });
}

/**
 * A service is not done because its document says strict: a proxy must be in front of its application, each that is connected must have
 * accepted listeners that are strict, and nothing may bypass them.
 */
export function cutOverOf({ mtls, cutOver, endpoints }: Service, proxies: readonly Proxy[]): string {
  if (mtls !== 'strict')
    return cutOver === undefined ? '-' : cutOver.ready ? ready(cutOver.reasons) : held(cutOver.reasons);
  const around = proxies.flatMap(proxyPorts).flatMap(({ application, applicationState }) =>
    (applicationState?.around ?? []).map((host) =>
      formatHostPort({
        address: host,
        port: application !== undefined && 'port' in application ? application.port : 0,
      }),
    ),
  );
  if (around.length > 0) return `strict, but can be reached without its sidecar: ${[...new Set(around)].join(', ')}`;
  if (endpoints !== undefined) return ofEndpoints(endpoints);
  const there = proxies.filter(({ state }) => state === 'connected');
  if (!there.some((proxy) => serves(proxy).startsWith('yes'))) return 'strict, but no proxy serves';
  const behind = there.filter(listensAsBefore).length;
  return behind === 0 ? 'done' : `strict, but not accepted by ${behind} of ${there.length} proxies`;
}

/** All of them must belong to its proxy. */
function ofEndpoints(endpoints: readonly Endpoint[]): string {
  const of = (state: Endpoint['state']): string =>
    endpoints
      .filter((endpoint) => endpoint.state === state)
      .map(formatHostPort)
      .slice(0, maxNamed)
      .join(', ');
  const open = of('open');
  if (open !== '') return `strict, but open: ${open}`;
  const unknown = of('unknown');
  return unknown === '' ? 'done' : `strict, but unknown: ${unknown}`;
}

/** The table below lists all of them. */
const maxNamed = 3;

type Reasons = NonNullable<Service['cutOver']>['reasons'];

function ready(warnings: Reasons): string {
  return warnings.length === 0 ? 'ready' : `ready, ${warnings.length} not waited for`;
}

/** `held: 2 caller, 1 record`: the kinds of docs/cut-over.md. */
function held(reasons: Reasons): string {
  const counts = new Map<string, number>();
  for (const { kind, warning } of reasons) if (warning !== true) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return `held: ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')}`;
}
