// Foreign trust domains that publish a root of the same key, such as that of a company above two of them: whoever has it can vouch for each
// of them. That is theirs to decide, and for people here to know.
import type { TrustDomain } from '../../model/spiffe-id.ts';
import { type ForeignBundle, rootKeysOf } from './foreign-bundle.ts';

/** For each that shares one: with which others, sorted. */
export function sharedRoots(bundles: readonly ForeignBundle[]): ReadonlyMap<TrustDomain, readonly TrustDomain[]> {
  const holders = new Map<string, Set<TrustDomain>>();
  for (const bundle of bundles) {
    for (const key of rootKeysOf(bundle)) {
      holders.set(key, (holders.get(key) ?? new Set()).add(bundle.trustDomain));
    }
  }
  const shared = new Map<TrustDomain, Set<TrustDomain>>();
  for (const domains of holders.values()) {
    for (const one of domains) {
      for (const other of domains) {
        if (other !== one) shared.set(one, (shared.get(one) ?? new Set()).add(other));
      }
    }
  }
  return new Map([...shared].map(([one, others]) => [one, [...others].sort()]));
}
