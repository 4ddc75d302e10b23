// Whether an entry of a proxy's log is about one of the control plane's own probes (cutover/probe-endpoint.ts): that is nobody's call.
import type { AccessLogCommon } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';

export interface OwnProbes {
  isName(serverName: string): boolean;
  isPort(port: number): boolean;
}

/** By the server name or the port that it came from; never if it presented a certificate. */
export function isOwnProbe(common: AccessLogCommon | undefined, probes: OwnProbes): boolean {
  const { tlsProperties: tls, downstreamTransportFailureReason: failure = '' } = common ?? {};
  if (hasCertificate(common)) return false;
  if (tls !== undefined && probes.isName(tls.tlsSniHostname)) return true;
  // A port number is weak evidence: it counts only if nothing got further than the handshake.
  const at = common?.downstreamDirectRemoteAddress?.address ?? common?.downstreamRemoteAddress?.address;
  if (failure === '' || at?.case !== 'socketAddress') return false;
  const { portSpecifier } = at.value;
  return portSpecifier.case === 'portValue' && probes.isPort(portSpecifier.value);
}

/** A connection with a certificate is somebody's call, whatever name it asks for. */
export function hasCertificate(common: AccessLogCommon | undefined): boolean {
  const peer = common?.tlsProperties?.peerCertificateProperties;
  return peer !== undefined && (peer.subject !== '' || peer.subjectAltName.length > 0);
}
