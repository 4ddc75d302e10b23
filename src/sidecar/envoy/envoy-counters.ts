// Maps Envoy's statistics of the inbound listeners to counters with our names. Pure. Envoy 1.40 builds its names from the prefixes that it
// is given (`inbound.<chain>`, and those of filters: lib/inbound-filters.ts).
import { type EnvoyCounters, envoyCounterNames } from '../../lib/envoy-counters.ts';
import { filterTraces } from '../../lib/inbound-filters.ts';
import { shownStat } from '../svid/shown-certificate.ts';

type Name = keyof EnvoyCounters;

const prefixes = Object.values(filterTraces).map(({ statPrefix }) => statPrefix);

/** For Envoy's admin interface: only these are returned. RE2, as it requires. */
export const statsQuery = `/stats?filter=${encodeURIComponent(
  [
    '^http\\.inbound\\.(mtls|plain|health)\\.(downstream_rq_(total|active)|rbac\\.)',
    '^tcp\\.inbound\\.(mtls|plain)\\.downstream_cx_total$',
    `^(${prefixes.join('|')})`,
    '^listener\\..+_\\d+\\.(downstream_cx_(total|active)|ssl\\.(handshake|no_certificate|fail_verify_.+|curves\\..+))$',
    shownStat,
    '^access_logs\\.grpc_access_log\\.(logs_dropped|grpc_entries_flush_failed)$',
  ].join('|'),
)}`;

/** For all inbound listeners together. `ports`: theirs, because outbound ones have counters with the same names. */
export function readCounters(text: string, ports: readonly number[]): EnvoyCounters {
  const counts: Record<Name, number> = { ...none };
  for (const line of text.split('\n')) {
    const [stat = '', value = ''] = line.split(': ');
    const name = nameOf(stat, ports);
    if (name !== undefined && /^\d{1,15}$/.test(value)) counts[name] += Number(value);
  }
  return counts;
}

const groupStat = /^listener\.(?!.*\.worker_\d+\.).+?_(\d+)\.ssl\.curves\.([A-Za-z0-9_-]{1,40}): (\d{1,15})$/;

/** TLS connections to all inbound listeners together, by key exchange group. */
export function readGroups(text: string, ports: readonly number[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, at, group, count] = groupStat.exec(line) ?? [];
    if (group === undefined || !ports.includes(Number(at))) continue;
    counts.set(group, (counts.get(group) ?? 0) + Number(count));
  }
  return Object.fromEntries(counts);
}

const none = Object.fromEntries(envoyCounterNames.map((name) => [name, 0])) as EnvoyCounters;

const listenerNames: Readonly<Record<string, Name>> = {
  downstream_cx_total: 'connections',
  downstream_cx_active: 'connectionsActive',
  'ssl.handshake': 'handshakes',
  'ssl.no_certificate': 'noCertificate',
};
/** Entries for which no room was left, and those of a stream that could not be opened (since Envoy 1.39). */
const lostStats: ReadonlySet<string> = new Set(
  ['logs_dropped', 'grpc_entries_flush_failed'].map((name) => `access_logs.grpc_access_log.${name}`),
);
const requestNames: Readonly<Record<string, Name>> = {
  'mtls.downstream_rq_total': 'mtlsRequests',
  'mtls.downstream_rq_active': 'mtlsActive',
  'plain.downstream_rq_total': 'plainRequests',
  'plain.downstream_rq_active': 'plainActive',
  'health.downstream_rq_total': 'healthRequests',
  'health.downstream_rq_active': 'healthActive',
};

function nameOf(stat: string, ports: readonly number[]): Name | undefined {
  if (lostStats.has(stat)) return 'dropped';
  if (stat.startsWith('tcp.inbound.')) return 'tcpConnections';
  // For the listener as a whole: `….worker_0.downstream_cx_total` is one worker's share of it.
  const ofListener = /^listener\.(?!.*\.worker_\d+\.).+?_(\d+)\.((?:ssl|downstream_cx)[._].+)$/.exec(stat);
  if (ofListener !== null) {
    const [, at, rest = ''] = ofListener;
    if (!ports.includes(Number(at))) return undefined;
    return rest.startsWith('ssl.fail_verify_') ? 'failVerify' : listenerNames[rest];
  }
  const request = requestNames[stat.replace(/^http\.inbound\./, '')];
  return request ?? decisionName(stat);
}

const decisions = new RegExp(`(?:^|\\.)(${prefixes.join('|')}).*?(shadow_)?(allowed|denied)$`);

/** What any filter refused, including while it still waits for its configuration. What the last filter with rules allowed is allowed. */
function decisionName(stat: string): Name | undefined {
  const [, prefix, shadow, decision] = decisions.exec(stat) ?? [];
  if (prefix === undefined) return undefined;
  if (decision === 'denied') return shadow === undefined ? 'denied' : 'shadowDenied';
  if (prefix !== filterTraces['authz-allow'].statPrefix) return undefined;
  return shadow === undefined ? 'allowed' : 'shadowAllowed';
}
