// Two whole control planes that federate with each other: each fetches the other's bundle, and keeps it.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchForeignTrust } from '../../src/identity-api/jwt-client.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

interface Side {
  readonly trustDomain: string;
  readonly port: number;
  readonly plane: ServeHarness;
  readonly root: string;
}

let one: Side;
let other: Side;

async function start(trustDomain: string, port: number): Promise<Side> {
  const plane = await startServe(documents(trustDomain), {
    bundleEndpoint: { address: { host: '127.0.0.1', port } },
  });
  const { dir } = await plane.enrol(`spiffe://${trustDomain}/service/api`);
  return { trustDomain, port, plane, root: readFileSync(join(dir, 'bundle.pem'), 'utf8') };
}

function documents(trustDomain: string, ...more: readonly string[]): string {
  return yaml(meshText('strict').replace('td1', trustDomain), serviceText('api'), ...more);
}

function trustBundle({ trustDomain, port, root }: Side): string {
  const spiffeId = `spiffe://${trustDomain}/cellwall/server`;
  const endpoint = { profile: 'https_spiffe', url: `https://127.0.0.1:${port}/`, spiffeId };
  const spec = JSON.stringify({ trustDomain, bundle: root, endpoint });
  return `kind: TrustBundle\nmetadata: {name: other}\nspec: ${spec}`;
}

beforeAll(async () => {
  const [a = 0, b = 0] = await freePorts(2);
  [one, other] = await Promise.all([start('td1', a), start('td2', b)]);
}, 60_000);

afterAll(async () => {
  await Promise.all([one?.plane.stop(), other?.plane.stop()]);
});

const federated = ({ plane }: Side) =>
  eventually('the bundle of the other side was fetched', async () =>
    (await plane.admin.status()).foreignBundles?.find(({ fetchedAt }) => fetchedAt !== undefined),
  );

test('each has the bundle of the other, and tells of it', { timeout: 60_000 }, async () => {
  await one.plane.apply(documents('td1', trustBundle(other)));
  await other.plane.apply(documents('td2', trustBundle(one)));
  for (const [side, from] of [
    [one, other],
    [other, one],
  ] as const) {
    const found = await federated(side);
    expect(found).toMatchObject({ trustDomain: from.trustDomain, roots: 1, failures: 0 });
    expect(found.sequence).toBeGreaterThan(1_700_000_000);
    const label = `{trust_domain="${from.trustDomain}"}`;
    expect(await side.plane.metrics()).toContain(`cellwall_foreign_bundle_roots${label} 1`);
  }
});

test('a rotation of the root waits until others have fetched the new one', { timeout: 60_000 }, async () => {
  const { admin } = other.plane;
  await admin.rotateRoot({ reason: 'yearly' });
  const held = await eventually('it is held up', async () => {
    const { rotation } = await admin.ca();
    return rotation?.phase === 'publish' ? rotation.holdUps.find(({ kind }) => kind === 'quiet') : undefined;
  });
  expect(held.why).toContain('other trust domains may not have fetched the new root');
  await admin.abortRotation({ reason: 'not now' });
  await eventually('the old root is alone again', async () =>
    (await admin.ca()).rotation === undefined ? true : undefined,
  );
});

test('it is there after a restart at which the other side is away, and the failure is told', {
  timeout: 60_000,
}, async () => {
  await federated(one);
  await other.plane.stop();
  await one.plane.restart();
  const found = await eventually('the failure is told', async () =>
    (await one.plane.admin.status()).foreignBundles?.find(({ error }) => error !== undefined),
  );
  expect(found).toMatchObject({ trustDomain: 'td2', roots: 1 });
  expect(found.error?.message).toContain('ECONNREFUSED');
  expect(found.fetchedAt).toBeDefined();
  // What helpers are told, for the Workload API.
  const { dir } = await one.plane.enrol('spiffe://td1/service/api');
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
  const svid = { chain: text('svid.pem'), key: createPrivateKey(text('key.pem')), bundle: text('bundle.pem') };
  const told = await fetchForeignTrust({ host: '127.0.0.1', port: one.plane.identityPort, svid });
  expect(told).toMatchObject([{ trustDomain: 'td2', roots: other.root }]);
});
