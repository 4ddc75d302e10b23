// An X.509-SVID with its key, as the issuer hands it out.
import type { Redacted } from '../lib/redacted.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';

export interface Svid {
  readonly spiffeId: SpiffeId;
  /** PEM, leaf first, then intermediates. */
  readonly chain: string;
  /** PKCS#8 PEM; present if the control plane created the key (`pushed`), absent if the workload did. */
  readonly key?: Redacted<string>;
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}
