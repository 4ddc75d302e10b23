// Envoy's access-log entries → calls. Pure. The log name is ours (`inbound/<service>/<chain>`, set by translate).
import type {
  AccessLogCommon,
  HTTPAccessLogEntry,
  TCPAccessLogEntry,
  TLSProperties_CertificateProperties,
} from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';
import type { Call, CallerClass } from './traffic.ts';

/** The service in a log name; undefined for logs that are not of an inbound chain. */
export function serviceOfLogName(logName: string): string | undefined {
  const match = /^inbound\/(.+)\/(mtls|plain)$/.exec(logName);
  return match?.[1];
}

export function httpCall(service: string, entry: HTTPAccessLogEntry, domain: TrustDomain): Call | undefined {
  if (entry.commonProperties === undefined) return undefined;
  const details = entry.response?.responseCodeDetails ?? '';
  return call(service, entry.commonProperties, domain, details);
}

export function tcpCall(service: string, entry: TCPAccessLogEntry, domain: TrustDomain): Call | undefined {
  if (entry.commonProperties === undefined) return undefined;
  return call(service, entry.commonProperties, domain, entry.commonProperties.connectionTerminationDetails);
}

function call(service: string, common: AccessLogCommon, domain: TrustDomain, details: string): Call {
  const { caller, principal } = callerOf(common, domain);
  // `rbac_access_denied_matched_policy[name]`: gRPC refusals are HTTP 200, so the code says nothing.
  const refused = /rbac_access_denied(?:_matched_policy\[([^\]]*)\])?/.exec(details);
  return {
    service,
    caller,
    ...(principal === undefined ? {} : { principal }),
    decision: refused === null ? 'allowed' : 'refused',
    ...(refused?.[1] === undefined || refused[1] === 'none' ? {} : { policy: refused[1] }),
  };
}

function callerOf(common: AccessLogCommon, domain: TrustDomain): { caller: CallerClass; principal?: string } {
  const tls = common.tlsProperties;
  if (tls === undefined) return { caller: 'plaintext' };
  const certificate = tls.peerCertificateProperties;
  if (certificate === undefined || isEmpty(certificate)) return { caller: 'one-way-tls' };
  const prefix = `${trustDomainUri(domain)}/`;
  for (const { san } of certificate.subjectAltName) {
    if (san.case === 'uri' && san.value.startsWith(prefix)) return { caller: 'mtls', principal: san.value };
  }
  return { caller: 'legacy' };
}

function isEmpty({ subject, subjectAltName, issuer }: TLSProperties_CertificateProperties): boolean {
  return subject === '' && issuer === '' && subjectAltName.length === 0;
}
