// The ports of a proxy, each a port of its service. What it says of `default` stands in the proxy's own fields, as it always did; a port
// with another name is in its list.

import { defined } from '../lib/defined.ts';
import type { IpPort } from '../lib/host-port.ts';
import { defaultPort } from '../lib/port-name.ts';
import type { ApplicationState } from './application-health.ts';
import type { ApplicationAddress } from './claims.ts';

export interface PortPlace {
  readonly inbound?: IpPort;
  /** Why it has no `inbound`, though it claims one. Of this process's time only. */
  readonly notRegistered?: string;
  readonly application?: ApplicationAddress;
  /** As its helper says. Of this process's time only. */
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

/** Where it takes calls, of whatever port. */
export function inboundsOf(proxy: Ported): readonly IpPort[] {
  return portsOf(proxy).flatMap(({ inbound }) => inbound ?? []);
}
