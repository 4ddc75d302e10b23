// Envoy's statistics of the inbound listener → counters by our names. Pure. The names are those that translate's prefixes give
// them (`inbound.<chain>`, `authz_…`), as Envoy 1.40 writes them.
import { type EnvoyCounters, envoyCounterNames } from '../../lib/envoy-counters.ts';

type Name = keyof EnvoyCounters;

/** Of Envoy's admin: only these are told. RE2, as its admin wants it. */
export const statsQuery = `/stats?filter=${encodeURIComponent(
  [
    '^http\\.inbound\\.(mtls|plain|health)\\.(downstream_rq_(total|active)|rbac\\.)',
    '^tcp\\.inbound\\.(mtls|plain)\\.downstream_cx_total$',
    '^authz_(deny|allow)_',
    '^listener\\..+_\\d+\\.(downstream_cx_(total|active)|ssl\\.(handshake|no_certificate|fail_verify_.+))$',
    '^access_logs\\.grpc_access_log\\.logs_dropped$',
  ].join('|'),
)}`;

/** `port`: of the inbound listener, undefined without one; outbound ones have counters of the same names. */
export function readCounters(text: string, port: number | undefined): EnvoyCounters {
  const counts: Record<Name, number> = { ...none };
  for (const line of text.split('\n')) {
    const [stat = '', value = ''] = line.split(': ');
    const name = nameOf(stat, port);
    if (name !== undefined && /^\d{1,15}$/.test(value)) counts[name] += Number(value);
  }
  return counts;
}

const none = Object.fromEntries(envoyCounterNames.map((name) => [name, 0])) as EnvoyCounters;

const listenerNames: Readonly<Record<string, Name>> = {
  downstream_cx_total: 'connections',
  downstream_cx_active: 'connectionsActive',
  'ssl.handshake': 'handshakes',
  'ssl.no_certificate': 'noCertificate',
};
const requestNames: Readonly<Record<string, Name>> = {
  'mtls.downstream_rq_total': 'mtlsRequests',
  'mtls.downstream_rq_active': 'mtlsActive',
  'plain.downstream_rq_total': 'plainRequests',
  'plain.downstream_rq_active': 'plainActive',
  'health.downstream_rq_total': 'healthRequests',
  'health.downstream_rq_active': 'healthActive',
};

function nameOf(stat: string, port: number | undefined): Name | undefined {
  if (stat === 'access_logs.grpc_access_log.logs_dropped') return 'dropped';
  if (stat.startsWith('tcp.inbound.')) return 'tcpConnections';
  // Of the listener as a whole: `….worker_0.downstream_cx_total` is one worker's share of it.
  const ofListener = /^listener\.(?!.*\.worker_\d+\.).+?_(\d+)\.((?:ssl|downstream_cx)[._].+)$/.exec(stat);
  if (ofListener !== null) {
    const [, at, rest = ''] = ofListener;
    if (at !== String(port)) return undefined;
    return rest.startsWith('ssl.fail_verify_') ? 'failVerify' : listenerNames[rest];
  }
  const request = requestNames[stat.replace(/^http\.inbound\./, '')];
  return request ?? decisionName(stat);
}

/** Every call passes the deny filter and then the allow filter: what the second allowed is allowed. */
function decisionName(stat: string): Name | undefined {
  const [, filter, shadow, decision] = /authz_(deny|allow)_.*?(shadow_)?(allowed|denied)$/.exec(stat) ?? [];
  if (filter === undefined) return undefined;
  if (decision === 'denied') return shadow === undefined ? 'denied' : 'shadowDenied';
  if (filter === 'deny') return undefined;
  return shadow === undefined ? 'allowed' : 'shadowAllowed';
}
