// The ports of a sidecar's service: where it listens for each, and where the application is.

import type { HostPort } from '../lib/host-port.ts';
import type { ApplicationAddress } from './application-address.ts';

export interface ProxyPort {
  /** As in the Service's document. */
  readonly name: string;
  readonly inbound?: HostPort;
  /** Absent: where the documents say. */
  readonly application?: ApplicationAddress;
}
