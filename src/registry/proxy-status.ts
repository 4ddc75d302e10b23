// What the registry knows about one proxy. `status` and the admin API show it.

import type { IpPort } from '../lib/host-port.ts';
import type { TakenPort } from '../lib/taken-port.ts';
import type { Place } from '../model/origin.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { ServiceKey } from '../policy/ir.ts';
import type { Ported } from './ports.ts';

/** State of one xDS type on a proxy. */
export interface TypeStatus {
  readonly typeUrl: string;
  readonly sentRevision?: number;
  readonly ackedRevision?: number;
  readonly ackedVersion?: string;
  /** When it was sent the first of what it has not accepted, epoch milliseconds. */
  readonly behindSince?: number;
  /** The last rejection, until a later version is accepted. */
  readonly nack?: {
    readonly revision: number;
    readonly message: string;
    /** Those that it names, otherwise all that were new to the proxy then. */
    readonly resources: readonly RejectedResource[];
  };
}

export interface RejectedResource {
  readonly name: string;
  /** The documents that made what was rejected. */
  readonly madeBy: readonly Place[];
}

export interface ProxyStatus extends Ported {
  /** `<SPIFFE ID>~<instance>`. */
  readonly node: string;
  readonly spiffeId: SpiffeId;
  readonly service?: ServiceKey;
  readonly state: 'connected' | 'held' | 'gone';
  /** Another replica of the control plane has its stream, or had it last. */
  readonly replica?: string;
  /** Epoch milliseconds of the last change of `state`. */
  readonly since: number;
  /** How far its host's clock is ahead of the control plane's. */
  readonly clockOffsetMs?: number;
  /** Another that claimed to be it, and was refused. */
  readonly contested?: {
    readonly peer: string;
    readonly inbound?: IpPort;
    readonly at: number;
  };
  /** What it claims to be: `envoy/1.40.0`. */
  readonly userAgent?: string;
  /** Why it is sent nothing: its Envoy would ignore fields that enforcement depends on. */
  readonly outdated?: string;
  /** Why what is in force was not sent to it. */
  readonly withheld?: string;
  /** True once it accepted its listeners, as long as a document names its identity: only then is it an endpoint. */
  readonly ready: boolean;
  /** Ports on which it cannot listen, and who has them, as its helper reports. */
  readonly takenPorts?: readonly TakenPort[];
  readonly types: readonly TypeStatus[];
  /** The helper beside it made its key, and keeps it. Absent: the control plane made it. */
  readonly keys?: 'local';
  /** Serving certificate, the last one: serial (hex) and expiry, epoch milliseconds. */
  readonly certificate?: { readonly serial: string; readonly notAfter: number };
}
