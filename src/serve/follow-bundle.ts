// What happens in the control plane when the roots of the trust domain change: every proxy is sent the new bundle at once; and certificates
// issued under a root that is gone, which everybody would refuse, are issued again.
import type { Rotator } from '../identity/rotator.ts';
import type { Svid } from '../identity/svid.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import { verifySvid } from '../identity/x509/verify-svid.ts';
import type { Clock } from '../lib/clock.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { IdentityServices } from './identity.ts';

export interface FollowBundleDeps {
  readonly identity: Pick<IdentityServices, 'bundle' | 'server'>;
  readonly rotator: Pick<Rotator, 'rotateAll'>;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly onBundle: () => void;
}

/** The returned function ends it. */
export function followBundle({ identity, rotator, trustDomain, clock, onBundle }: FollowBundleDeps): () => void {
  const { bundle: trust, server } = identity;
  const isUnder = (bundle: TrustBundle, { chain }: Svid): boolean => {
    try {
      verifySvid({ chain, bundle: bundlePem(bundle), trustDomain, now: clock.now() });
      return true;
    } catch {
      return false;
    }
  };
  return trust.watch((bundle) => {
    onBundle();
    // Each reports itself why it cannot be renewed, and retries.
    if (!isUnder(bundle, server.current())) server.rotate().catch(() => {});
    void rotator.rotateAll((svid) => svid !== undefined && !isUnder(bundle, svid));
  });
}
