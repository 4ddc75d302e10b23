// How the ports of services are named, found and listed. Pure.

import { defaultPort } from '../lib/port-name.ts';
import { didYouMean } from '../model/did-you-mean.ts';
import type { MeshIr, PortIr, PortKey, ServiceIr, ServiceKey } from './ir.ts';

/** Neither a service's key nor a port's name has a ":". */
export function portKey(service: ServiceKey, port: string): PortKey {
  return (port === defaultPort ? service : `${service}:${port}`) as string as PortKey;
}

/** The two parts of a port's key, or of a text that looks like one. */
function splitPortKey(text: string): { readonly service: ServiceKey; readonly port: string } {
  const at = text.indexOf(':');
  const service = (at === -1 ? text : text.slice(0, at)) as ServiceKey;
  return { service, port: at === -1 ? defaultPort : text.slice(at + 1) };
}

/** Undefined if the service, or the port, does not exist. */
export function portOf({ services }: Pick<MeshIr, 'services'>, key: PortKey | string): PortIr | undefined {
  const { service, port } = splitPortKey(key);
  return services.get(service)?.ports.find((one) => one.port === port);
}

/** In the order of the services, and of the ports in each document. */
export function allPorts({ services }: Pick<MeshIr, 'services'>): readonly PortIr[] {
  return [...services.values()].flatMap(({ ports }) => ports);
}

/** Those that a name means: without a name, the only port, or the one named `default`; otherwise none. */
export function meantPort<P extends Pick<PortIr, 'port'>>(
  ports: readonly P[],
  name: string | undefined,
): P | undefined {
  if (name !== undefined) return ports.find(({ port }) => port === name);
  return ports.length === 1 ? ports[0] : ports.find(({ port }) => port === defaultPort);
}

/** Why a name means none of them, and what to do. */
export function notAPort(
  { key, ports }: { readonly key: string; readonly ports: readonly Pick<PortIr, 'port'>[] },
  name: string | undefined,
): { readonly code: string; readonly message: string; readonly hint: string } {
  const names = ports.map(({ port }) => port);
  const all = names.join(', ');
  if (name === undefined) {
    return { code: 'port-not-named', message: `${key} has several ports`, hint: `name one of them: ${all}` };
  }
  const near = didYouMean(name, names);
  const hint = near === undefined ? `it has: ${all}` : `did you mean "${near}"? It has: ${all}`;
  return { code: 'unknown-port', message: `${key} has no port "${name}"`, hint };
}

/** A service with one port is referred to by its own name. */
export function portText(service: Pick<ServiceIr, 'key' | 'ports'>, port: Pick<PortIr, 'port'>): string {
  return service.ports.length === 1 ? service.key : `${service.key}:${port.port}`;
}
