// What a sidecar's helper reads of its Envoy, and the control plane compares with the access log: counts since Envoy's start, by
// names of their own, so that Envoy's names are known to the helper alone.

/** `…Active` are gauges: requests and connections that have not ended, and are not logged yet. */
export const envoyCounterNames = [
  'mtlsRequests',
  'mtlsActive',
  'plainRequests',
  'plainActive',
  'healthRequests',
  'healthActive',
  /** Of a TCP service. */
  'tcpConnections',
  'connections',
  'connectionsActive',
  'handshakes',
  'noCertificate',
  'failVerify',
  'allowed',
  'denied',
  'shadowAllowed',
  'shadowDenied',
  /** Log entries that Envoy threw away. */
  'dropped',
] as const;

export type EnvoyCounters = Readonly<Record<(typeof envoyCounterNames)[number], number>>;
