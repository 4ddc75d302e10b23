// What an entry of an access log says about how a call went, beside who made it and how it was decided: status, Envoy's flags, TLS, time
// and size. Pure. Only HTTP has a status; of gRPC's own status Envoy logs nothing here.
import type { Duration } from '@bufbuild/protobuf/wkt';
import type {
  AccessLogCommon,
  HTTPAccessLogEntry,
  ResponseFlags,
  TCPAccessLogEntry,
} from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { InboundEdge } from '../signals/edge.ts';
import type { CallFacts, Sample } from '../signals/signals.ts';
import type { Call } from './traffic-count.ts';

type Given =
  | { readonly kind: 'http'; readonly entry: HTTPAccessLogEntry }
  | { readonly kind: 'tcp'; readonly entry: TCPAccessLogEntry };

export function edgeOf({ service, port, caller, principal, token, peer }: Call): InboundEdge {
  return {
    ...{ side: 'inbound', service, caller },
    ...(port === undefined ? {} : { port }),
    ...(principal === undefined ? {} : { principal }),
    ...(token === undefined ? {} : { token }),
    ...(peer === undefined ? {} : { peer }),
  };
}

export function sampleOf(given: Given, decision: Call['decision']): Sample {
  const common = given.entry.commonProperties;
  const took = tookMs(common?.duration);
  return {
    ...{ facts: factsOf(given), decision, count: 1, took: took < 0 ? [] : [took] },
    ...bytesOf(given),
  };
}

export function factsOf({ kind, entry }: Given): CallFacts {
  const common = entry.commonProperties;
  return {
    status: kind === 'http' ? (entry.response?.responseCode ?? 0) : 0,
    flags: common?.responseFlags === undefined ? [] : flagsOf(common.responseFlags),
    tls: tlsOf(common),
  };
}

/** Milliseconds; -1 if it is not known. */
function tookMs(duration: Duration | undefined): number {
  return duration === undefined ? -1 : Math.max(-1, Number(duration.seconds) * 1000 + duration.nanos / 1e6);
}

/** Of a connection what was forwarded; of a request what was on the wire, with its headers. */
function bytesOf({ kind, entry }: Given): Pick<Sample, 'received' | 'sent'> {
  if (kind === 'tcp') {
    const { receivedBytes = 0n, sentBytes = 0n } = entry.connectionProperties ?? {};
    return { received: Number(receivedBytes), sent: Number(sentBytes) };
  }
  const { downstreamWireBytesReceived = 0n, downstreamWireBytesSent = 0n } = entry.commonProperties ?? {};
  return { received: Number(downstreamWireBytesReceived), sent: Number(downstreamWireBytesSent) };
}

/** As in Envoy's enum `TLSProperties.TLSVersion`. */
const versions = ['unknown', '1.0', '1.1', '1.2', '1.3'] as const;

function tlsOf(common: AccessLogCommon | undefined): string {
  if (common?.tlsProperties === undefined) return 'none';
  return versions[common.tlsProperties.tlsVersion] ?? 'unknown';
}

/** https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage (RESPONSE_FLAGS) */
const shortFlags = {
  failedLocalHealthcheck: 'LH',
  noHealthyUpstream: 'UH',
  upstreamRequestTimeout: 'UT',
  localReset: 'LR',
  upstreamRemoteReset: 'UR',
  upstreamConnectionFailure: 'UF',
  upstreamConnectionTermination: 'UC',
  upstreamOverflow: 'UO',
  noRouteFound: 'NR',
  delayInjected: 'DI',
  faultInjected: 'FI',
  rateLimited: 'RL',
  unauthorizedDetails: 'UAEX',
  rateLimitServiceError: 'RLSE',
  downstreamConnectionTermination: 'DC',
  upstreamRetryLimitExceeded: 'URX',
  streamIdleTimeout: 'SI',
  invalidEnvoyRequestHeaders: 'IH',
  downstreamProtocolError: 'DPE',
  upstreamMaxStreamDurationReached: 'UMSDR',
  responseFromCacheFilter: 'RFCF',
  noFilterConfigFound: 'NFCF',
  durationTimeout: 'DT',
  upstreamProtocolError: 'UPE',
  noClusterFound: 'NC',
  overloadManager: 'OM',
  dnsResolutionFailure: 'DF',
  downstreamRemoteReset: 'DR',
} as const satisfies Readonly<Record<Exclude<keyof ResponseFlags, '$typeName' | '$unknown'>, string>>;

const flagNames = Object.keys(shortFlags).filter((name): name is keyof typeof shortFlags =>
  Object.hasOwn(shortFlags, name),
);

function flagsOf(flags: ResponseFlags): readonly string[] {
  return flagNames.flatMap((name) => (flags[name] === undefined || flags[name] === false ? [] : [shortFlags[name]]));
}
