// A sidecar's only control plane, for tests of what speaks to its identity API.
import type { HostPort } from '../../src/lib/host-port.ts';
import { type ControlPlanes, createControlPlanes } from '../../src/sidecar/servers/control-planes.ts';

export function oneServer(identity: HostPort): ControlPlanes {
  return createControlPlanes([{ identity, xds: identity }], '');
}
