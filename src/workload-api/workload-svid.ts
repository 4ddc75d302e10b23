// What the Workload API has to give, as its owner keeps it.
import type { KeyObject } from 'node:crypto';

/** `chain`, leaf first, and `bundle`, the roots of its trust domain, are PEM. */
export interface WorkloadSvid {
  readonly spiffeId: string;
  readonly chain: string;
  readonly key: KeyObject;
  readonly bundle: string;
  readonly notAfter: Date;
}

/** `spiffe://example.org`, as the API names trust domains. */
export function trustDomainUriOf(spiffeId: string): string {
  return spiffeId.split('/').slice(0, 3).join('/');
}
