// Proxies that only subscribe and acknowledge, as Envoy does: they stand for the many that a change has to go past.
import type { DeltaDiscoveryResponse } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { createRawXdsClient } from '../../support/raw-xds-client.ts';
import type { Context } from '../item.ts';
import type { CheckoutWall } from './checkout-wall.ts';

const { cluster, listener, extension } = typeUrls;

/** One for each service, with an inbound listener of its own. */
export async function startIdleProxies(
  wall: CheckoutWall,
  trustDomain: string,
  services: readonly string[],
  defer: Context['defer'],
): Promise<void> {
  let port = 40_000;
  for (const service of services) {
    const spiffeId = `spiffe://${trustDomain}/service/${service}`;
    const client = createRawXdsClient(wall.xdsPort, await wall.enrol(spiffeId));
    defer(() => client.close());
    const stream = client.delta();
    const claims = { inbound: `127.0.0.1:${++port}`, application: '127.0.0.1:1' };
    const subscribed: readonly (readonly [string, readonly string[]])[] = [
      [cluster, ['*']],
      [listener, ['*']],
      [extension, [`${service}/authz-deny`, `${service}/authz-allow`]],
    ];
    subscribed.forEach(([typeUrl, resourceNamesSubscribe], index) => {
      stream.send({
        typeUrl,
        resourceNamesSubscribe: [...resourceNamesSubscribe],
        ...(index > 0 ? {} : { node: { id: `${spiffeId}~idle`, metadata: { cellwall: claims } } }),
      });
    });
    const acknowledge = ({ typeUrl, nonce }: DeltaDiscoveryResponse): void =>
      stream.send({ typeUrl, responseNonce: nonce });
    acknowledge(await stream.next());
    void (async () => {
      let open = true;
      void stream.ended.then(() => {
        open = false;
      });
      while (open) await stream.next().then(acknowledge, () => undefined);
    })();
  }
}
