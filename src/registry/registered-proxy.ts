// A proxy in the registry, while it is connected or held.

import type { IpPort } from '../lib/host-port.ts';
import type { TakenPort } from '../lib/taken-port.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import { inboundsOf, type Ported, portsOf } from './ports.ts';

export interface RegisteredProxy extends Ported {
  /** `<SPIFFE ID>~<instance>`. */
  readonly node: string;
  readonly spiffeId: SpiffeId;
  /** What it claims to be: `envoy/1.40.0`. Known only to this process. */
  readonly userAgent?: string;
  /** Its host also has the IPv6 loopback address. */
  readonly loopback6?: true;
  /** Requests everything over the single-type services, in this variant. Known only to this process. */
  readonly singleServices?: 'delta' | 'sotw';
  /** A helper beside it keeps its key. */
  readonly secrets?: 'local';
  /** Which run of its Envoy it is, if reported. */
  readonly run?: string;
  /** The node key of its host, which owns the name. */
  readonly holder?: string;
  /** Where its first stream comes from. Known only to this process. */
  readonly peer?: string;
  /** Another that claimed to be it, and was refused. Known only to this process. */
  readonly contested?: { readonly peer: string; readonly inbound?: IpPort; readonly at: number };
  readonly state: 'connected' | 'held';
  /** Epoch milliseconds of the last change of `state`. */
  readonly since: number;
  readonly ready: boolean;
  /** Another replica of the control plane has its stream, or had it last. */
  readonly replica?: string;
  /** Ports on which it cannot listen, as its helper reports. Known only to this process. */
  readonly takenPorts?: readonly TakenPort[];
}

/** Whether its address, or that of its application, changed. */
export function moved(from: Ported, to: Ported): boolean {
  const textOf = (proxy: Ported): string =>
    JSON.stringify(portsOf(proxy).map(({ name, inbound, application }) => [name, inbound, application]));
  return textOf(from) !== textOf(to);
}

/** Whether callers are given it. */
export function isEndpoint(proxy: RegisteredProxy): boolean {
  return proxy.ready && inboundsOf(proxy).length > 0;
}

/** A proxy is not what it was; `endpoints`: nor is the set of endpoints. */
export interface RegistryChange {
  readonly node: string;
  readonly endpoints: boolean;
}
