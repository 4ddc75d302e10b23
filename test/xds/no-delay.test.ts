// A response leaves at once. Where a small frame waits for the acknowledgement of the one before, it waits for as long as a peer that has
// nothing to say holds that back: 40 ms with Linux.
import { afterEach, expect, test } from 'vitest';
import { grpcTransports } from '../../src/lib/grpc-call.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createRawXdsClient } from '../support/raw-xds-client.ts';
import { type Fixture, node, nodeKey, snapshotOf, startXds } from './xds-fixture.ts';

let xds: Fixture;
afterEach(() => xds.close());

test.each(grpcTransports)('a response does not wait until the one before is acknowledged: %s', async (transport) => {
  xds = await startXds({ transport });
  const client = createRawXdsClient(xds.port);
  const stream = client.delta();
  try {
    xds.cache.set(nodeKey, snapshotOf(1, { cluster: { a: 'a 0' }, secret: { b: 'b 0' } }));
    for (const [typeUrl, name] of [
      [typeUrls.cluster, '*'],
      [typeUrls.secret, 'b'],
    ] as const) {
      stream.send({ node, typeUrl, resourceNamesSubscribe: [name] });
      const { nonce } = await stream.next();
      stream.send({ typeUrl, responseNonce: nonce });
    }
    const took: number[] = [];
    for (let revision = 1; revision <= 60; revision += 1) {
      const cluster = { a: `a ${revision}` };
      xds.cache.set(nodeKey, snapshotOf(2 * revision, { cluster, secret: { b: `b ${revision - 1}` } }));
      const first = await stream.next();
      const began = performance.now();
      xds.cache.set(nodeKey, snapshotOf(2 * revision + 1, { cluster, secret: { b: `b ${revision}` } }));
      const second = await stream.next();
      took.push(performance.now() - began);
      for (const { typeUrl, nonce } of [first, second]) stream.send({ typeUrl, responseNonce: nonce });
    }
    // The quickest of the later ones: a busy machine is not what is tested, and peers acknowledge the first at once.
    expect(Math.min(...took.slice(20))).toBeLessThan(30);
  } finally {
    client.close();
  }
});
