// Where documents name endpoints: each address or name that a Service has a line for. Pure.
import type { PortIr, ServiceIr } from '../policy/ir.ts';

/** A line of a document: one address, or a name that has several. */
export interface Place {
  readonly service: PortIr;
  readonly host: string;
  readonly port: number;
  readonly byName: boolean;
  readonly key: string;
}

/** Of all its ports; none of a service that is outside of the mesh. */
export function placesOf({ ports, external }: ServiceIr): readonly Place[] {
  return external ? [] : ports.flatMap(placesOfPort);
}

function placesOfPort(service: PortIr): readonly Place[] {
  const { id, endpoints, protocol } = service;
  const place = (host: string, port: number, byName: boolean): Place => {
    return { service, host, port, byName, key: JSON.stringify([id, host, port, byName, protocol]) };
  };
  switch (endpoints.kind) {
    case 'sidecars':
      return [];
    case 'static': {
      const all = endpoints.endpoints.map(({ address, port }) => place(address, port, false));
      return [...new Map(all.map((one) => [one.key, one])).values()];
    }
    case 'dns':
      return [place(endpoints.name, endpoints.port, true)];
    default:
      return endpoints satisfies never;
  }
}
