// Names of access logs: translate gives them to Envoy, observe reads them back. `inbound/<port>/<log>`: Envoy does not log the name of a
// filter chain, so the log's name contains it. `<port>` is its key: the service's, followed by `:<name>` if the port has a name.

import { defined } from './defined.ts';
import { isPortName } from './port-name.ts';

const chains = ['mtls', 'plain', 'health'] as const;
export type InboundChain = (typeof chains)[number];
/** For a chain, or for all connections of the listener. */
export type InboundLogPart = InboundChain | 'listener';

export function inboundLogName(port: string, part: InboundLogPart): string {
  return `inbound/${port}/${part}`;
}

/** Whose connections, or calls, a log contains. */
export interface InboundLogPlace {
  readonly service: string;
  /** Has its own name. */
  readonly port?: string;
}

/** Undefined for a name that `inboundLogName` does not make. */
export function readInboundLogName(logName: string): (InboundLogPlace & { readonly part: InboundLogPart }) | undefined {
  const [, service, port, last] = /^inbound\/([^:]+)(?::([^:/]+))?\/([a-z]+)$/.exec(logName) ?? [];
  const part = last === 'listener' ? last : chains.find((chain) => chain === last);
  if (service === undefined || part === undefined || (port !== undefined && !isPortName(port))) return undefined;
  return { service, ...defined({ port }), part };
}

/** For a dependency: what the proxy answered itself; `odd`: on connections that do not begin like HTTP. */
export type OutboundLogPart = 'own' | 'odd';

export function outboundLogName(target: string, part: OutboundLogPart): string {
  return `outbound/${target}/${part}`;
}

export function isOutboundLogName(logName: string): boolean {
  return logName.startsWith('outbound/');
}

/** The dependency's port; undefined for another log, and for text longer than a port's key. */
export function targetOfLogName(logName: string, part: OutboundLogPart): string | undefined {
  const [, target, last] = /^outbound\/([a-z0-9/:-]{1,192})\/([a-z]+)$/.exec(logName) ?? [];
  return last === part ? target : undefined;
}
