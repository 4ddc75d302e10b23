// The four variants of the protocol: how resources are grouped into streams, and how their state is told.

import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { discoveryServices } from '../../src/xds/server/services.ts';

export type Kind = keyof typeof typeUrls;
export const kinds: readonly Kind[] = ['cluster', 'endpoint', 'secret', 'listener', 'route', 'extension'];

export interface Variant {
  readonly name: string;
  /** `ads`: one stream for all types. `single`: a service and a stream for each type. */
  readonly transport: 'ads' | 'single';
  readonly protocol: 'sotw' | 'delta';
}

export const variants: readonly Variant[] = [
  { name: 'ADS, state of the world', transport: 'ads', protocol: 'sotw' },
  { name: 'ADS, delta', transport: 'ads', protocol: 'delta' },
  { name: 'single-type, state of the world', transport: 'single', protocol: 'sotw' },
  { name: 'single-type, delta', transport: 'single', protocol: 'delta' },
];

/** The gRPC method over which the variant asks for the type. */
export function methodOf({ transport, protocol }: Variant, kind: Kind): string {
  const only = transport === 'ads' ? undefined : typeUrls[kind];
  const service = discoveryServices.find((candidate) => candidate.only === only);
  const method = service?.methods.find(([, variant]) => variant === protocol)?.[0];
  if (service === undefined || method === undefined) throw new Error(`no method for ${kind}`);
  return `/${service.name}/${method}`;
}
