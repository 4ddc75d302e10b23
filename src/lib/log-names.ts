// Names of access logs: translate gives them to Envoy, observe reads them back. `inbound/<service>/<log>`: Envoy does not log the name of
// a filter chain, so the log's name holds it.

const chains = ['mtls', 'plain', 'health'] as const;
export type InboundChain = (typeof chains)[number];
/** Of a chain, or of all connections of the listener. */
export type InboundLogPart = InboundChain | 'listener';

export function inboundLogName(service: string, part: InboundLogPart): string {
  return `inbound/${service}/${part}`;
}

export function readInboundLogName(
  logName: string,
): { readonly service: string; readonly part: InboundLogPart } | undefined {
  const [, service, last] = /^inbound\/(.+)\/([a-z]+)$/.exec(logName) ?? [];
  const part = last === 'listener' ? last : chains.find((chain) => chain === last);
  return service === undefined || part === undefined ? undefined : { service, part };
}

/** Of a dependency: what the proxy answered itself; `odd`: on connections that do not begin as HTTP does. */
export type OutboundLogPart = 'own' | 'odd';

export function outboundLogName(target: string, part: OutboundLogPart): string {
  return `outbound/${target}/${part}`;
}

export function isOutboundLogName(logName: string): boolean {
  return logName.startsWith('outbound/');
}

/** The dependency; undefined for another log, and for what is longer than a service's key. */
export function targetOfLogName(logName: string, part: OutboundLogPart): string | undefined {
  const [, target, last] = /^outbound\/([a-z0-9/-]{1,128})\/([a-z]+)$/.exec(logName) ?? [];
  return last === part ? target : undefined;
}
