// What a sidecar's helper reads from its Envoy, and the control plane compares with the access log: counts since Envoy's start, under our
// own names, so that only the helper knows Envoy's.

/** `…Active` are gauges: requests and connections that have not ended, and are not logged yet. */
export const envoyCounterNames = [
  'mtlsRequests',
  'mtlsActive',
  'plainRequests',
  'plainActive',
  'healthRequests',
  'healthActive',
  /** For a TCP service. */
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
  /** Log entries that Envoy dropped. */
  'dropped',
] as const;

export type EnvoyCounters = Readonly<Record<(typeof envoyCounterNames)[number], number>>;
