// What was sent, answered and replaced is forgotten, however long a stream lives: of a client that answers at once, and of one that is
// always a response behind.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { createRawXdsClient } from '../support/raw-xds-client.ts';
import { type Fixture, node, nodeKey, snapshotOf, startXds } from './xds-fixture.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const revisions = 100;

let xds: Fixture;
afterEach(() => xds.close());

test.each([
  ['at once', 0],
  ['one response later', 1],
])('resources of a client that answers %s', async (_when, behind) => {
  // The observer would keep them.
  xds = await startXds({ observe: () => undefined });
  const client = createRawXdsClient(xds.port);
  try {
    const stream = client.delta();
    const resources: WeakRef<object>[] = [];
    const set = (revision: number): void => {
      const snapshot = snapshotOf(revision, { cluster: { a: `a ${revision}` } });
      const [resource] = snapshot.resources.get(typeUrls.cluster)?.values() ?? [];
      if (resource !== undefined) resources.push(new WeakRef(resource));
      xds.cache.set(nodeKey, snapshot);
    };
    set(1);
    stream.send({ node, typeUrl: typeUrls.cluster, resourceNamesSubscribe: ['*'] });
    const unanswered: string[] = [];
    for (let revision = 2; revision <= revisions; revision += 1) {
      unanswered.push((await stream.next()).nonce);
      while (unanswered.length > behind)
        stream.send({ typeUrl: typeUrls.cluster, responseNonce: unanswered.shift() ?? '' });
      set(revision);
    }
    await stream.next();
    expect(resources.length).toBe(revisions);
    // What streams share is kept for a moment.
    await eventually('what was replaced is forgotten', () => {
      collect();
      return resources.filter((one) => one.deref() !== undefined).length < 10 || undefined;
    });
  } finally {
    client.close();
  }
});
