// A proxy as the registry has it, while it is connected or held.

import type { IpPort } from '../lib/host-port.ts';
import type { TakenPort } from '../lib/taken-port.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import { inboundsOf, type Ported, portsOf } from './ports.ts';

export interface RegisteredProxy extends Ported {
  /** `<SPIFFE ID>~<instance>`. */
  readonly node: string;
  readonly spiffeId: SpiffeId;
  /** What it says it is: `envoy/1.40.0`. Of this process's time only. */
  readonly userAgent?: string;
  /** Its host has the loopback address of IPv6, too. */
  readonly loopback6?: true;
  /** Asks for everything over the single-type services, of this variant. Of this process's time only. */
  readonly singleServices?: 'delta' | 'sotw';
  /** Which life of its Envoy it is, if it says so. */
  readonly run?: string;
  /** The node key of its host: the name is that one's. */
  readonly holder?: string;
  /** Where its first stream comes from. Of this process's time only. */
  readonly peer?: string;
  /** Another that wanted to be it, and was refused. Of this process's time only. */
  readonly contested?: { readonly peer: string; readonly inbound?: IpPort; readonly at: number };
  readonly state: 'connected' | 'held';
  /** Epoch milliseconds of the last change of `state`. */
  readonly since: number;
  readonly ready: boolean;
  /** On which it cannot listen, as its helper says. Of this process's time only. */
  readonly takenPorts?: readonly TakenPort[];
}

/** Where it is reached, or where its application is, is not what it was. */
export function moved(from: Ported, to: Ported): boolean {
  const textOf = (proxy: Ported): string =>
    JSON.stringify(portsOf(proxy).map(({ name, inbound, application }) => [name, inbound, application]));
  return textOf(from) !== textOf(to);
}

export function isEndpoint(proxy: RegisteredProxy): boolean {
  return proxy.ready && inboundsOf(proxy).length > 0;
}
