// Who calls whom, in `cellwall status`: calls on record, handshakes that failed, and what shadow policies would have decided. Pure.
import type { TrafficAnswer, TrafficCount } from '../../admin/wire.ts';
import { portText } from './port-text.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

const callers: Readonly<Record<TrafficCount['caller'], string>> = {
  plaintext: 'anonymous, plaintext',
  'one-way-tls': 'anonymous, TLS without a certificate',
  legacy: 'anonymous, legacy certificate',
  mtls: 'mTLS',
};

export function formatTraffic(traffic: readonly TrafficCount[], now: number, width?: number): string {
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
  return formatTable(['SERVICE', 'CALLED BY', 'IDENTITY', 'ALLOWED', 'FAILED', 'DENIED', 'LAST'], lines, width);
}

/** Connections that never became a call: the newest first. */
export function formatHandshakes(handshakes: TrafficAnswer['handshakes'], now: number, width?: number): string {
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
    width,
  );
}

/** What shadow policies would have decided differently: one line per caller, method and policy. */
export function formatShadow(traffic: readonly TrafficCount[], now: number, width?: number): string {
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
    width,
  );
}

function order({ caller }: TrafficCount): number {
  return Object.keys(callers).indexOf(caller);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
