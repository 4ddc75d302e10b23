// What happens in the control plane when the roots of the trust domain change: every proxy is sent the new bundle at once; and certificates
// issued under a root that is gone, which everybody would refuse, or that is on its way out, are issued again.
import type { Rotator } from '../identity/rotator.ts';
import type { Svid } from '../identity/svid.ts';
import { bundlePem, stayingRoots, type TrustBundle } from '../identity/trust-bundle.ts';
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

export interface FollowedBundle {
  /** Has whatever a root that goes vouches for renewed, if it is not being renewed. */
  renew(): void;
  close(): void;
}

export function followBundle({ identity, rotator, trustDomain, clock, onBundle }: FollowBundleDeps): FollowedBundle {
  const { bundle: trust, server } = identity;
  const isUnder = (bundle: TrustBundle, { chain }: Svid): boolean => {
    try {
      const roots = stayingRoots(bundle);
      verifySvid({ chain, bundle: bundlePem({ roots }), trustDomain, now: clock.now() });
      return true;
    } catch {
      return false;
    }
  };
  let renewing = false;
  const renew = async (): Promise<void> => {
    renewing = true;
    // Each reports itself why it cannot be renewed, and retries.
    if (!isUnder(trust.value(), server.current())) await server.rotate().catch(() => {});
    await rotator.rotateAll((svid) => svid !== undefined && !isUnder(trust.value(), svid));
    renewing = false;
  };
  const close = trust.watch(() => {
    onBundle();
    void renew();
  });
  return {
    renew() {
      if (!renewing) void renew();
    },
    close,
  };
}
