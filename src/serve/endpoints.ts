// Assembles what the control plane sees of endpoints that Services name themselves: who counts as the service's own proxy there, and under
// which names the probes arrive, for the record of traffic.
import type { Control } from '../control/control.ts';
import { createEndpointWatch, type EndpointWatch } from '../cutover/endpoint-watch.ts';
import { probeEndpoint } from '../cutover/probe-endpoint.ts';
import type { ProbeNames } from '../cutover/probe-names.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import { verifySvid } from '../identity/x509/verify-svid.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Watchable } from '../lib/watchable.ts';
import { type SpiffeId, trustDomainOf } from '../model/spiffe-id.ts';

export interface EndpointsDeps {
  readonly control: Pick<Control, 'mesh'>;
  readonly bundle: Pick<Watchable<TrustBundle>, 'value'>;
  readonly names: ProbeNames;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

/** Stops with `lifecycle`. */
export function watchEndpoints({ control, bundle: trust, names, clock, log, lifecycle }: EndpointsDeps): EndpointWatch {
  const watch = createEndpointWatch({
    mesh: control.mesh,
    async probe({ spiffeId }, endpoint) {
      const bundle = bundlePem(trust.value());
      const isOwn = (chain: string): boolean => isOf(spiffeId, { chain, bundle, now: clock.now() });
      return probeEndpoint(endpoint, { isOwn, serverName: names.next(), onPlaintext: names.camePlain });
    },
    ...{ clock, log },
  });
  lifecycle.defer('endpoint watch', async () => watch.stop());
  return watch;
}

function isOf(
  spiffeId: SpiffeId,
  { chain, bundle, now }: { readonly chain: string; readonly bundle: string; readonly now: number },
): boolean {
  try {
    return verifySvid({ chain, bundle, trustDomain: trustDomainOf(spiffeId), now }).spiffeId === spiffeId;
  } catch {
    // Whatever is wrong with it: it does not belong to the service.
    return false;
  }
}
