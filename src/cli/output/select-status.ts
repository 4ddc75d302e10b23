// Which part of `cellwall status` somebody wants to see: one service, one cell, or only what is not in order. Pure.
import { CellwallError } from '../../lib/errors.ts';
import { didYouMean } from '../../model/did-you-mean.ts';
import { attention } from './format-attention.ts';
import { countsOf, cutOverOf } from './format-services.ts';
import type { StatusView } from './format-status.ts';
import { proxyPorts, serves } from './proxy-ports.ts';

export interface StatusFilter {
  /** `cell/name`, or `name` for one in no cell. */
  readonly service?: string;
  readonly cell?: string;
  /** Services that are not served, or not done; proxies that somebody has to look after; calls that failed or were denied. */
  readonly problems?: boolean;
}

type Service = StatusView['services'][number];
type Proxy = StatusView['proxies'][number];

/** Throws `not_found` for a service or a cell that there is not. */
export function selectStatus(view: StatusView, { service, cell, problems = false }: StatusFilter): StatusView {
  const keys = view.services.map((one) => one.service);
  if (service !== undefined && !keys.includes(service)) throw noSuch('service', service, keys);
  const cells = [...new Set(keys.flatMap((key) => (key.includes('/') ? [key.slice(0, key.indexOf('/'))] : [])))];
  if (cell !== undefined && !cells.includes(cell)) throw noSuch('cell with a service', cell, cells);
  const wanted = (key: string): boolean =>
    (service === undefined || key === service) && (cell === undefined || key.startsWith(`${cell}/`));
  const ids = new Set(view.services.filter((one) => wanted(one.service)).map(({ spiffeId }) => spiffeId));
  const all = service === undefined && cell === undefined;
  const proxies = view.proxies.filter((proxy) => all || ids.has(proxy.spiffeId));
  const rest = { ...view, proxies, services: view.services.filter((one) => wanted(one.service)) };
  // Also the calls that they make.
  const traffic = view.traffic.filter(
    (one) => wanted(one.service) || (one.principal !== undefined && ids.has(one.principal)),
  );
  const handshakes = (view.handshakes ?? []).filter((one) => wanted(one.service));
  if (!problems) return { ...rest, traffic, handshakes };
  return {
    ...{ ...rest, handshakes },
    services: rest.services.filter((one) => isOdd(one, proxies)),
    proxies: proxies.filter((proxy) => needsSomebody(proxy, view.now)),
    traffic: traffic.filter(({ decision }) => decision !== 'allowed'),
  };
}

function isOdd(service: Service, proxies: readonly Proxy[]): boolean {
  if (service.external === true) return false;
  const own = proxies.filter((proxy) => proxy.service === service.service);
  const { fine, all } = countsOf(service, own);
  return fine < all || fine === 0 || (service.mtls === 'strict' && cutOverOf(service, own) !== 'done');
}

function needsSomebody(proxy: Proxy, now: number): boolean {
  return (
    proxy.state !== 'connected' ||
    serves(proxy) !== 'yes' ||
    proxy.types.some(({ nack }) => nack !== undefined) ||
    attention(proxy, now).length > 0 ||
    proxyPorts(proxy).some(({ applicationState }) => (applicationState?.around ?? []).length > 0)
  );
}

function noSuch(what: string, name: string, known: readonly string[]): CellwallError {
  const inCells = known.filter((key) => key.endsWith(`/${name}`)).slice(0, 5);
  const slip = didYouMean(name, known);
  const near = inCells.length > 0 || slip === undefined ? inCells : [slip];
  return new CellwallError('not_found', `no ${what} ${JSON.stringify(name)}`, {
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `known: ${known.slice(0, 20).join(', ') || 'none'}`,
  });
}
