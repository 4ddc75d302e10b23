// The tables of `cellwall status`. Pure.
import type { StatusAnswer, TrafficAnswer, TrafficCount } from '../../admin/wire.ts';
import type { ProxiesAnswer } from '../../admin/wire-proxies.ts';
import type { ServicesAnswer } from '../../admin/wire-services.ts';
import { escapeLine } from '../../lib/escape.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { defaultPort } from '../../lib/port-name.ts';
import { attention } from './format-attention.ts';
import { formatControl } from './format-control.ts';
import { formatCrossCheck } from './format-cross-check.ts';
import { formatForeignBundles } from './format-foreign-bundles.ts';
import { formatIssuerKeys } from './format-issuer-keys.ts';
import { formatPlaces } from './format-places.ts';
import { formatPublishers } from './format-publishers.ts';
import { formatRotation } from './format-rotation.ts';
import { formatServices } from './format-services.ts';
import { formatTokens } from './format-tokens.ts';
import { portText } from './port-text.ts';
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

const callers: Readonly<Record<TrafficCount['caller'], string>> = {
  plaintext: 'anonymous, plaintext',
  'one-way-tls': 'anonymous, TLS without a certificate',
  legacy: 'anonymous, legacy certificate',
  mtls: 'mTLS',
};

export function formatStatus({ status, services, proxies, traffic, handshakes = [], now }: StatusView): string {
  const parts = [formatControl(status, now)];
  const { publishers = [], issuerKeys = [], foreignBundles = [] } = status;
  if (status.rotation !== undefined) parts.push(formatRotation(status.rotation, now));
  if (issuerKeys.length > 0) parts.push(formatIssuerKeys(issuerKeys, now));
  if (foreignBundles.length > 0) parts.push(formatForeignBundles(foreignBundles, now));
  if (publishers.length > 0) parts.push(formatPublishers(publishers, now));
  const serving = (proxy: Proxy): boolean => serves(proxy) === 'yes' && proxy.state === 'connected';
  if (services.length > 0) parts.push(formatServices(services, proxies, serving));
  if (proxies.length > 0) parts.push(formatProxies(proxies, now));
  const told = proxies.flatMap((proxy) => attention(proxy, now).map((text) => [shortNode(proxy), text]));
  if (told.length > 0) parts.push(formatTable(['PROXY', 'NEEDS SOMEBODY'], told));
  const rejections = proxies.flatMap((proxy) =>
    proxy.types.flatMap((type) =>
      type.nack === undefined
        ? []
        : [[shortNode(proxy), shortType(type.typeUrl), String(type.nack.revision), type.nack.message]],
    ),
  );
  if (rejections.length > 0) parts.push(formatTable(['REJECTED BY', 'TYPE', 'REVISION', 'WHY'], rejections));
  const rejected = proxies.flatMap((proxy) =>
    proxy.types.flatMap(({ nack }) =>
      (nack?.resources ?? []).map(({ name, madeBy }) => [shortNode(proxy), name, formatPlaces(madeBy)]),
    ),
  );
  if (rejected.length > 0) parts.push(formatTable(['REJECTED BY', 'RESOURCE', 'MADE BY'], rejected));
  const there = proxies.filter(({ state }) => state === 'connected');
  if (there.length > 0) parts.push(formatCrossCheck(there, now));
  if (traffic.length > 0) parts.push(formatTraffic(traffic, now));
  const tokens = formatTokens(traffic, now);
  if (tokens !== undefined) parts.push(tokens);
  if (handshakes.length > 0) parts.push(formatHandshakes(handshakes, now));
  const shadowed = traffic.filter((count) => count.shadow !== undefined);
  if (shadowed.length > 0) parts.push(formatShadow(shadowed, now));
  return parts.join('\n');
}

function formatProxies(proxies: readonly Proxy[], now: number): string {
  // Where there is only one control plane, it is not said.
  const at = ({ replica }: Proxy): readonly string[] =>
    proxies.some((proxy) => proxy.replica) ? [replica ?? '-'] : [];
  const rows = proxies.map((proxy) => [
    shortNode(proxy),
    proxy.state,
    ...at(proxy),
    relativeTime(proxy.since, now),
    serves(proxy),
    listens(proxy),
    accepted(proxy),
    proxy.types.some((type) => type.nack !== undefined) ? 'yes' : 'no',
    certificate(proxy, now),
  ]);
  const places = proxies.some((proxy) => proxy.replica) ? ['CONTROL PLANE'] : [];
  return formatTable(
    ['PROXY', 'STATE', ...places, 'SINCE', 'SERVES', 'LISTENS', 'ACCEPTED', 'REJECTS', 'CERTIFICATE'],
    rows,
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

function formatTraffic(traffic: readonly TrafficCount[], now: number): string {
  interface Row {
    readonly first: TrafficCount;
    readonly allowed: number;
    readonly failed: number;
    readonly denied: number;
    readonly lastSeen: number;
  }
  const rows = new Map<string, Row>();
  for (const count of traffic) {
    const name = JSON.stringify([portText(count), count.caller, count.principal, count.token]);
    const row = rows.get(name) ?? { first: count, allowed: 0, failed: 0, denied: 0, lastSeen: 0 };
    rows.set(name, {
      first: row.first,
      allowed: row.allowed + (count.decision === 'allowed' ? count.count : 0),
      failed: row.failed + (count.decision === 'failed' ? count.count : 0),
      denied: row.denied + (count.decision === 'denied' ? count.count : 0),
      lastSeen: Math.max(row.lastSeen, count.lastSeen),
    });
  }
  const lines = [...rows.values()]
    .sort((a, b) => compareText(portText(a.first), portText(b.first)) || order(a.first) - order(b.first))
    .map(({ first, allowed, failed, denied, lastSeen }) => [
      portText(first),
      callers[first.caller],
      first.principal ?? (first.token === undefined ? '-' : `token of ${first.token}`),
      String(allowed),
      String(failed),
      String(denied),
      relativeTime(lastSeen, now),
    ]);
  return formatTable(['SERVICE', 'CALLED BY', 'IDENTITY', 'ALLOWED', 'FAILED', 'DENIED', 'LAST'], lines);
}

/** Connections that never became a call: the newest first. */
function formatHandshakes(handshakes: TrafficAnswer['handshakes'], now: number): string {
  return formatTable(
    ['SERVICE', 'FAILED HANDSHAKES FROM', 'WHY', 'COUNT', 'LAST'],
    handshakes
      .toSorted((a, b) => b.lastSeen - a.lastSeen)
      .map(({ service, port, address: from, why, count, lastSeen }) => [
        portText({ service, port }),
        from,
        why,
        String(count),
        relativeTime(lastSeen, now),
      ]),
  );
}

/** What shadow policies would have decided differently: one line per caller, method and policy. */
function formatShadow(traffic: readonly TrafficCount[], now: number): string {
  const rows = new Map<string, TrafficCount>();
  for (const count of traffic) {
    const { service, port, caller, principal, peer, method, shadow } = count;
    const name = JSON.stringify([service, port, caller, principal, peer, method, shadow]);
    const before = rows.get(name);
    const lastSeen = Math.max(count.lastSeen, before?.lastSeen ?? 0);
    rows.set(name, { ...count, count: count.count + (before?.count ?? 0), lastSeen });
  }
  return formatTable(
    ['SERVICE', 'CALLER', 'METHOD', 'SHADOW WOULD', 'POLICY', 'COUNT', 'LAST'],
    [...rows.values()].map(({ service, port, caller, principal, peer, method, shadow, count, lastSeen }) => [
      portText({ service, port }),
      principal ?? `${callers[caller]}${peer === undefined ? '' : ` (${peer})`}`,
      method ?? '-',
      shadow?.decision === 'allowed' ? 'allow' : 'deny',
      shadow?.policy ?? '(no allow rule)',
      String(count),
      relativeTime(lastSeen, now),
    ]),
  );
}

function order({ caller }: TrafficCount): number {
  return Object.keys(callers).indexOf(caller);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Without the scheme, which is the same for all. */
function shortNode({ node }: Proxy): string {
  return node.replace(/^spiffe:\/\//, '');
}

function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
