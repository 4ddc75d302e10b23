// `cellwall certs` on a whole control plane: the CA's certificates, its own, and those of workloads, with who holds them.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { createRawXdsClient } from '../support/raw-xds-client.ts';
import { serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

let wall: ServeHarness;

beforeAll(async () => {
  const mesh = 'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}';
  wall = await startServe(yaml(mesh, serviceText('api'), serviceText('web', 'http1', ', mtls: {mode: strict}')));
});

afterAll(async () => {
  await wall.stop();
});

it('tells what each certificate is for', async () => {
  const { chain } = await wall.enrol('spiffe://td1/service/api');
  await wall.enrol('spiffe://td1/cellwall/operator/alice');
  const { certificates } = await wall.admin.certificates();
  expect(certificates.map(({ purpose, spiffeId }) => [purpose, spiffeId])).toEqual([
    ['ca-root', 'spiffe://td1'],
    ['ca-intermediate', 'spiffe://td1'],
    ['server', 'spiffe://td1/cellwall/checkpoint'],
    ['server', 'spiffe://td1/cellwall/server'],
    ['operator', 'spiffe://td1/cellwall/operator/alice'],
    ['svid-fetched', 'spiffe://td1/service/api'],
  ]);
  const { serialNumber } = new X509Certificate(readFileSync(chain));
  expect(certificates.at(-1)?.serial).toBe(serialNumber.toLowerCase());
  const [root, intermediate] = certificates;
  expect(root?.notAfter).toBeGreaterThan(intermediate?.notAfter ?? Number.POSITIVE_INFINITY);
});

it('says of each who asked for it, what earned it and which CA signed it, also after a restart', async () => {
  const id = 'spiffe://td1/service/web';
  const { dir, chain } = await wall.enrol(id);
  const again = { identity: `127.0.0.1:${wall.identityPort}`, dir, log: silentLog };
  await fetchSvid(again);
  // As after an outage: what is left is its node key.
  const expired = join(dir, 'svid.pem');
  const late = { ...systemClock, now: () => Date.now() + 2 * 3_600_000 };
  await fetchSvid({ ...again, clock: late });
  expect(readFileSync(expired, 'utf8')).toBe(readFileSync(chain, 'utf8'));
  const own = async () => (await wall.admin.certificates({ identity: 'web', ended: 'yes' })).certificates;
  const before = await own();
  const { certificates: all } = await wall.admin.certificates();
  const [root, intermediate] = all;
  const nodeKey = before[0]?.nodeKey;
  expect(nodeKey).toMatch(/^[0-9a-f]{64}$/);
  const same = {
    ...{ purpose: 'svid-fetched', spiffeId: id, nodeKey, attestor: 'join-token', requester: '127.0.0.1' },
    ...{ authority: intermediate?.serial, chain: [intermediate?.serial], root: root?.root },
  };
  expect(before.map(({ how }) => how).sort()).toEqual(['attested', 'node-key', 'renewed']);
  for (const row of before) expect(row).toMatchObject(same);
  expect(Date.now() - (before[0]?.issuedAt ?? 0)).toBeLessThan(60_000);
  await wall.restart();
  expect(await own()).toEqual(before);
  await expect(wall.admin.certificates({ identity: 'nobody' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(wall.admin.certificates({ expiring: 'soon' })).rejects.toMatchObject({ code: 'invalid_argument' });
  // Of the three, one has no successor.
  const expiring = await wall.admin.certificates({ identity: id, expiring: '2h' });
  expect(expiring.certificates.map(({ serial }) => serial)).toEqual([before[0]?.serial]);
  expect((await wall.admin.certificates({ identity: id, expiring: '1m' })).certificates).toEqual([]);
});

it('tells which proxy has a certificate now: that of its connection, and the one that it was sent', async () => {
  const { chain, key, bundle } = await wall.enrol('spiffe://td1/service/web');
  const [certificate, own, root] = [chain, key, bundle].map((file) => readFileSync(file, 'utf8'));
  if (certificate === undefined || own === undefined || root === undefined) throw new Error('no SVID');
  const client = createRawXdsClient(wall.xdsPort, { certificate, key: own, root });
  const node = 'spiffe://td1/service/web~i1';
  const held = async () =>
    (await wall.admin.certificates()).certificates.filter((item) => item.node === node).map(({ purpose }) => purpose);
  try {
    const stream = client.delta();
    const names = ['spiffe://td1/service/web'];
    stream.send({ node: { id: node }, typeUrl: typeUrls.secret, resourceNamesSubscribe: names });
    await stream.next();
    expect((await held()).sort()).toEqual(['svid-fetched', 'svid-pushed']);
    stream.end();
  } finally {
    client.close();
  }
  await eventually('its connection is over', async () => !(await held()).includes('svid-fetched') || undefined);
});

it('tells which services are strict, and what would hold back the others', async () => {
  const { services } = await wall.admin.services();
  expect(services.map(({ service, mtls, cutOver }) => [service, mtls, cutOver?.ready])).toEqual([
    ['api', 'permissive', true],
    ['web', 'strict', undefined],
  ]);
});
