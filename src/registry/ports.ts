// The ports of a proxy, each a port of its service. The port `default` is in the proxy's own fields, as it always was; a named port is in
// its list.

import { defined } from '../lib/defined.ts';
import type { IpPort } from '../lib/host-port.ts';
import { defaultPort } from '../lib/port-name.ts';
import type { ApplicationState } from './application-health.ts';
import type { ApplicationAddress } from './claims.ts';

export interface PortPlace {
  readonly inbound?: IpPort;
  /** Why it has no `inbound`, although it claims one. Known only to this process. */
  readonly notRegistered?: string;
  readonly application?: ApplicationAddress;
  /** As its helper reports. Known only to this process. */
  readonly applicationState?: ApplicationState;
}

export interface NamedPort extends PortPlace {
  readonly name: string;
}

export interface Ported extends PortPlace {
  readonly ports?: readonly NamedPort[];
}

/** All of them, `default` first. */
export function portsOf({
  inbound,
  notRegistered,
  application,
  applicationState,
  ports = [],
}: Ported): readonly NamedPort[] {
  if ([inbound, notRegistered, application].every((part) => part === undefined)) return ports;
  const own: NamedPort = {
    name: defaultPort,
    ...defined({ inbound, notRegistered, application, applicationState }),
  };
  return [own, ...ports];
}

/** Where it takes calls, on any port. */
export function inboundsOf(proxy: Ported): readonly IpPort[] {
  return portsOf(proxy).flatMap(({ inbound }) => inbound ?? []);
}
