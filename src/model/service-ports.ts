// The ports of a Service document, whether it has a list of them or only one port: what each says, and where. Pure.
import type { z } from 'zod';
import { defaultPort } from '../lib/port-name.ts';
import type { Service } from './documents/service.ts';
import type { servicePortSchema } from './documents/service-port.ts';
import type { FieldPath } from './field-path.ts';

type Listed = z.output<typeof servicePortSchema>;
type Spec = Service['spec'];

export interface WrittenPort
  extends Pick<Listed, 'name' | 'protocol' | 'app' | 'health' | 'healthCheck' | 'grpc' | 'upgrades' | 'headerCase'> {
  readonly endpoints: Spec['endpoints'];
  readonly paths: Spec['paths'];
  readonly timeouts: Spec['timeouts'];
  /** Path of the port in its document, which contains its fields. */
  readonly place: FieldPath;
}

/** Never empty: a Service with neither `protocol` nor `ports`, which is an error, is treated as HTTP/1.1. */
export function writtenPorts({ spec }: Service): readonly WrittenPort[] {
  const { protocol = 'http1', ports, endpoints, paths, timeouts } = spec;
  if (ports === undefined) {
    const { health, healthCheck, grpc, upgrades, headerCase } = spec;
    const own = { health, healthCheck, grpc, upgrades, headerCase };
    return [{ name: defaultPort, protocol, ...own, endpoints, paths, timeouts, place: ['spec'] }];
  }
  return ports.map((port, index) => ({
    ...port,
    endpoints: port.endpoints ?? { sidecars: true },
    paths: port.paths ?? paths,
    timeouts: {
      connect: port.timeouts?.connect ?? timeouts.connect,
      request: port.timeouts?.request ?? timeouts.request,
      idle: port.timeouts?.idle ?? timeouts.idle,
      applicationIdle: port.timeouts?.applicationIdle ?? timeouts.applicationIdle,
    },
    place: ['spec', 'ports', index],
  }));
}
