// Converts a sidecar's ports from the form of its options to the one that it works with.

import { defaultPort } from '../lib/port-name.ts';
import { parseApplication } from './application-address.ts';
import { readIpPort } from './host-port.ts';
import type { ProxyPort } from './proxy-ports.ts';
import type { SidecarOptions } from './sidecar-options.ts';

/** Throws `invalid_argument`. */
export function readPorts({ inbound, application, ports = [] }: SidecarOptions): readonly ProxyPort[] {
  const own = inbound === undefined && application === undefined ? [] : [{ name: defaultPort, inbound, application }];
  return [...own, ...ports].map(({ name, inbound: at, application: behind }) => ({
    name,
    ...(at === undefined ? {} : { inbound: readIpPort('inbound address', at) }),
    ...(behind === undefined ? {} : { application: parseApplication(behind) }),
  }));
}
