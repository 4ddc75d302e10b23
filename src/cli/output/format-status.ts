// The tables of `cellwall status`. Pure.
import type { StatusAnswer, TrafficAnswer, TrafficCount } from '../../admin/wire.ts';
import type { ProxiesAnswer } from '../../admin/wire-proxies.ts';
import type { ServicesAnswer } from '../../admin/wire-services.ts';
import { escapeLine } from '../../lib/escape.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { defaultPort } from '../../lib/port-name.ts';
import { formatApplications } from './format-applications.ts';
import { attention } from './format-attention.ts';
import { formatControlPlane } from './format-control-plane.ts';
import { formatCrossCheck } from './format-cross-check.ts';
import { formatPlaces } from './format-places.ts';
import { formatServices } from './format-services.ts';
import { formatTokens } from './format-tokens.ts';
import { formatHandshakes, formatShadow, formatTraffic } from './format-traffic.ts';
import { proxyPorts, serves } from './proxy-ports.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

type Proxy = ProxiesAnswer['proxies'][number];

export interface StatusView {
  readonly status: StatusAnswer;
  readonly services: ServicesAnswer['services'];
  readonly proxies: readonly Proxy[];
  readonly traffic: readonly TrafficCount[];
  readonly handshakes?: TrafficAnswer['handshakes'];
  readonly now: number;
}

export interface StatusForm {
  /** Of a line: columns that matter less are left out, and long cells go on below. Default: all columns, a row a line. */
  readonly width?: number | undefined;
  /** About some services alone: without the control plane itself, and with every application. */
  readonly some?: boolean;
}

export function formatStatus(
  { status, services, proxies, traffic, handshakes = [], now }: StatusView,
  { width, some = false }: StatusForm = {},
): string {
  const parts: string[] = some ? [] : [...formatControlPlane(status, now, width)];
  if (services.length > 0) parts.push(formatServices(services, proxies, width));
  if (proxies.length > 0) parts.push(formatProxies(proxies, now, width));
  const applications = formatApplications({ proxies, all: some || width === undefined, width });
  if (applications !== undefined) parts.push(applications);
  const told = proxies.flatMap((proxy) => attention(proxy, now).map((text) => [shortNode(proxy), text]));
  if (told.length > 0) parts.push(formatTable(['PROXY', 'NEEDS SOMEBODY'], told, width));
  parts.push(...formatRejections(proxies, width));
  const there = proxies.filter(({ state }) => state === 'connected');
  if (there.length > 0) parts.push(formatCrossCheck(there, now, width));
  if (traffic.length > 0) parts.push(formatTraffic(traffic, now, width));
  const tokens = formatTokens(traffic, now, width);
  if (tokens !== undefined) parts.push(tokens);
  if (handshakes.length > 0) parts.push(formatHandshakes(handshakes, now, width));
  const shadowed = traffic.filter((count) => count.shadow !== undefined);
  if (shadowed.length > 0) parts.push(formatShadow(shadowed, now, width));
  return parts.join('\n');
}

function formatRejections(proxies: readonly Proxy[], width: number | undefined): readonly string[] {
  const rejections = proxies.flatMap((proxy) =>
    proxy.types.flatMap((type) =>
      type.nack === undefined
        ? []
        : [[shortNode(proxy), shortType(type.typeUrl), String(type.nack.revision), type.nack.message]],
    ),
  );
  const rejected = proxies.flatMap((proxy) =>
    proxy.types.flatMap(({ nack }) =>
      (nack?.resources ?? []).map(({ name, madeBy }) => [shortNode(proxy), name, formatPlaces(madeBy)]),
    ),
  );
  return [
    ...(rejections.length === 0 ? [] : [formatTable(['REJECTED BY', 'TYPE', 'REVISION', 'WHY'], rejections, width)]),
    ...(rejected.length === 0 ? [] : [formatTable(['REJECTED BY', 'RESOURCE', 'MADE BY'], rejected, width)]),
  ];
}

interface Column {
  readonly name: string;
  /** Left out where lines must be short: another one says it too, or few need it. */
  readonly wide?: true;
  readonly of: (proxy: Proxy) => string;
}

function formatProxies(proxies: readonly Proxy[], now: number, width: number | undefined): string {
  // Where there is only one control plane, it is not said.
  const several = proxies.some(({ replica }) => replica);
  const columns: readonly Column[] = [
    { name: 'PROXY', of: shortNode },
    { name: 'STATE', of: ({ state }) => state },
    ...(several ? [{ name: 'CONTROL PLANE', wide: true, of: ({ replica }) => replica ?? '-' } satisfies Column] : []),
    { name: 'SINCE', of: ({ since }) => relativeTime(since, now) },
    { name: 'SERVES', of: serves },
    { name: 'LISTENS', of: listens },
    { name: 'ACCEPTED', of: accepted },
    { name: 'REJECTS', wide: true, of: ({ types }) => (types.some(({ nack }) => nack !== undefined) ? 'yes' : 'no') },
    { name: 'CERTIFICATE', of: (proxy) => certificate(proxy, now) },
  ];
  const shown = columns.filter(({ wide }) => width === undefined || wide === undefined);
  return formatTable(
    shown.map(({ name }) => name),
    proxies.map((proxy) => shown.map(({ of }) => of(proxy))),
    width,
  );
}

function certificate({ certificate }: Proxy, now: number): string {
  if (certificate === undefined) return '-';
  const { notAfter } = certificate;
  return `${notAfter > now ? 'ends' : 'ENDED'} ${relativeTime(notAfter, now)}`;
}

/** Where others reach it, or why they cannot. */
function listens(proxy: Proxy): string {
  const { outdated, state } = proxy;
  if (outdated !== undefined) return `- (${escapeLine(outdated)})`;
  const each = proxyPorts(proxy).flatMap(({ name, inbound, notRegistered }) => {
    const at = notRegistered === undefined ? inbound && formatHostPort(inbound) : `- (${escapeLine(notRegistered)})`;
    return at === undefined ? [] : [name === defaultPort ? at : `${name} ${at}`];
  });
  if (each.length > 0) return each.join(', ');
  return state === 'connected' ? '- (only calls)' : '-';
}

/**
 * A proxy is sent only what changes for it, and after reconnecting nothing that it already has: it is up to date, whatever the number of
 * the last thing that it accepted, unless something is unanswered or rejected.
 */
function accepted({ state, types, withheld }: Proxy): string {
  if (withheld !== undefined) return 'not sent';
  const open = types.filter(
    ({ sentRevision = 0, ackedRevision = 0, nack }) => nack !== undefined || sentRevision > ackedRevision,
  );
  if (open.length === 0) return state === 'connected' ? 'current' : '-';
  const revision = Math.min(...open.map(({ ackedRevision = 0 }) => ackedRevision));
  const what = open.map(({ typeUrl, nack }) => `${shortType(typeUrl)} ${nack === undefined ? 'pending' : 'rejected'}`);
  return `${revision === 0 ? 'nothing' : revision}: ${what.join(', ')}`;
}

/** Without the scheme, which is the same for all. */
function shortNode({ node }: Proxy): string {
  return node.replace(/^spiffe:\/\//, '');
}

function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
