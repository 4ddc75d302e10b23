// A name is one host's: what a sibling of the same identity (S), a copied folder (C) and a greedy workload (W) reach on a whole control
// plane, by the raw protocol, and what an evicted host does. The victim (V) is a proxy as any; its own calls are the control.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createIdentityClient } from '../../../src/identity-api/client.ts';
import { deliver } from '../../../src/identity-api/deliver.ts';
import type { IssueReply } from '../../../src/identity-api/identity-protocol.ts';
import { envoyCounterNames } from '../../../src/lib/envoy-counters.ts';
import { CellwallError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { loadNodeKey, makeKey } from '../../../src/sidecar/svid/node-key.ts';
import { fetchSvid } from '../../../src/sidecar/svid/svid-fetch.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { createLogClient, httpEntry, httpLogs, identifier } from '../../support/log-stream.ts';
import { createRawXdsClient, type DeltaStream } from '../../support/raw-xds-client.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

const id = 'spiffe://td1/service/api';
const documents = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}',
  serviceText('api'),
  serviceText('web'),
);
const address = '127.0.0.1';

interface Host {
  readonly dir: string;
  readonly svid: { readonly chain: string; readonly key: KeyObject; readonly bundle: string };
}

let wall: ServeHarness;
let victim: Host;
let sibling: Host;
let round = 0;
let name: string;
const clients: { close(): void }[] = [];

beforeAll(async () => {
  wall = await startServe(documents);
  [victim, sibling] = [await join_(id), await join_(id)];
}, 60_000);
afterAll(async () => {
  for (const client of clients) client.close();
  await wall?.stop();
});
beforeEach(() => {
  name = `v${++round}`;
});

async function join_(spiffeId: string): Promise<Host> {
  const { dir } = await wall.enrol(spiffeId);
  return { dir, svid: read(dir) };
}

function read(dir: string): Host['svid'] {
  const [chain = '', key = '', bundle = ''] = ['svid.pem', 'key.pem', 'bundle.pem'].map((file) =>
    readFileSync(join(dir, file), 'utf8'),
  );
  return { chain, key: createPrivateKey(key), bundle };
}

/** A stream of a proxy that says so. */
function connect({ svid }: Host, instance: string, run: string, port = 4000): DeltaStream {
  const key = svid.key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const client = createRawXdsClient(wall.xdsPort, { certificate: svid.chain, key, root: svid.bundle });
  clients.push(client);
  const stream = client.delta();
  const metadata = { cellwall: { inbound: `${address}:${port}`, application: `${address}:1`, run } };
  stream.send({
    node: { id: `${id}~${instance}`, metadata },
    typeUrl: typeUrls.cluster,
    resourceNamesSubscribe: ['*'],
  });
  return stream;
}

const proxy = async (instance = name) =>
  (await wall.admin.proxies()).proxies.find(({ node }) => node === `${id}~${instance}`);
const there = (instance = name) => eventually(`${instance} is there`, () => proxy(instance));
const refusal = async (stream: DeltaStream): Promise<string> => {
  const { code, details } = await stream.ended;
  return `${grpc.status[code]}: ${details}`;
};
const said = (what: Promise<unknown>): Promise<string> =>
  what.then(
    () => 'taken',
    (reason: unknown) => CellwallError.from(reason).code,
  );
const tell = ({ svid }: Host, path: Parameters<typeof deliver>[0]['path'], body: object): Promise<string> =>
  said(deliver({ host: address, port: wall.identityPort, svid, timeoutMs: 5000, path, body: async () => body }));
const counters = Object.fromEntries(envoyCounterNames.map((counter) => [counter, 0]));
const report = { epoch: 'e1', last: false, readAt: 1, first: counters, second: counters };

it('S is refused under the name of V, connected or held, and V keeps its address; V itself comes and goes', async () => {
  const stream = connect(victim, name, 'r1');
  await there();
  expect(await refusal(connect(sibling, name, 'r1', 5000))).toMatch(/^PERMISSION_DENIED: .*another host's proxy.*4000/);
  expect(await refusal(connect(sibling, name, 'r2', 5000))).toMatch(/^PERMISSION_DENIED/);
  expect(await proxy()).toMatchObject({
    state: 'connected',
    inbound: { port: 4000 },
    contested: { inbound: { port: 5000 } },
  });
  stream.cancel();
  await eventually('it is held', async () => (await proxy())?.state === 'held' || undefined);
  expect(await refusal(connect(sibling, name, 'r3', 5000))).toMatch(/^PERMISSION_DENIED/);
  expect(await proxy()).toMatchObject({ state: 'held', inbound: { port: 4000 } });
  // The control: another life of V itself.
  connect(victim, name, 'r4', 4001);
  await eventually('V is back', async () => (await proxy())?.inbound?.port === 4001 || undefined);
});

it('C, with the key and the name of V, is refused while V is there, and told where V is', async () => {
  connect(victim, name, 'r1');
  await there();
  expect(await refusal(connect(victim, name, 'r2', 5000))).toMatch(
    /^ALREADY_EXISTS: another proxy runs as .*4000.*copy/,
  );
  expect(await tell(victim, '/v1/hello', { instance: name, run: 'r2' })).toBe('already_exists');
  expect(await tell(victim, '/v1/hello', { instance: name, run: 'r1' })).toBe('taken');
  expect(await proxy()).toMatchObject({ state: 'connected', inbound: { port: 4000 }, contested: { peer: address } });
});

it('S says no goodbye for V and reports no counters for it, though it knew its run; V does', async () => {
  connect(victim, name, 'r1');
  await there();
  expect(await tell(sibling, '/v1/leave', { instance: name, run: 'r1' })).toBe('permission_denied');
  expect(await tell(sibling, '/v1/counters', { ...report, instance: name })).toBe('permission_denied');
  expect(await tell(victim, '/v1/counters', { ...report, instance: name })).toBe('taken');
  // Nor does a copy of V's folder, which has all but its run.
  expect(await tell(victim, '/v1/counters', { ...report, instance: name, run: 'r2' })).toBe('already_exists');
  expect(await tell(victim, '/v1/counters', { ...report, instance: name, run: 'r1' })).toBe('taken');
  expect(await tell(victim, '/v1/leave', { instance: name, run: 'r1' })).toBe('taken');
});

it('S sends no access log under the name of V; V does', async () => {
  connect(victim, name, 'r1');
  await there();
  const send = (host: Host) => {
    const [chain, key, bundle] = ['svid.pem', 'key.pem', 'bundle.pem'].map((file) => join(host.dir, file));
    const client = createLogClient(wall.xdsPort, { chain: `${chain}`, key: `${key}`, bundle: `${bundle}` });
    clients.push(client);
    const stream = client.open();
    void stream.send(
      Buffer.concat([
        identifier(`${id}~${name}`, 'inbound/api/mtls'),
        httpLogs([httpEntry({ principal: id, path: '/forged' })]),
      ]),
    );
    return stream;
  };
  const allowed = async (): Promise<number> =>
    (await wall.admin.traffic()).traffic.reduce((sum, { count }) => sum + count, 0);
  const before = await allowed();
  const { code, details } = await send(sibling).ended;
  expect(`${grpc.status[code]}: ${details}`).toMatch(/^PERMISSION_DENIED: .*another host's proxy/);
  expect(await allowed()).toBe(before);
  send(victim);
  await eventually('the entry of V counts', async () => (await allowed()) === before + 1 || undefined);
});

it('W has few proxies at a time, whatever it renews, and few rows of certificates', async () => {
  const greedy = await join_(id);
  const streams = Array.from({ length: 30 }, (_, at) => connect(greedy, `w${round}-${at}`, 'r1'));
  const ends = await Promise.all(
    streams.map((stream) =>
      Promise.race([
        refusal(stream),
        stream.next().then(
          () => 'served',
          () => 'ended',
        ),
      ]),
    ),
  );
  const served = ends.filter((end) => end === 'served').length;
  expect(served).toBeLessThanOrEqual(8);
  expect(ends.filter((end) => end.startsWith('RESOURCE_EXHAUSTED')).length).toBe(30 - served);
  for (const stream of streams) stream.cancel();

  const tries = qualifying ? 4000 : 150;
  const before = (await wall.admin.certificates()).certificates.length;
  let { svid } = greedy;
  let renewed = 0;
  for (let at = 0; at < tries; at++) {
    const reply = await renew(svid).catch(() => undefined);
    if (reply === undefined) continue;
    renewed++;
    svid = reply;
  }
  const rows = (await wall.admin.certificates()).certificates.length - before;
  figure('renewalsOfAFlood', renewed);
  figure('rowsOfAFlood', rows);
  expect(renewed).toBeLessThan(130);
  expect(rows).toBeLessThanOrEqual(64);
  // The control: nobody else waits.
  await renew(victim.svid);
}, 120_000);

async function renew(svid: Host['svid']): Promise<Host['svid']> {
  const key = makeKey_();
  const client = createIdentityClient({ host: address, port: wall.identityPort, roots: svid.bundle });
  const made = await key;
  const { chain, bundle }: IssueReply = await client.renew({ chain: svid.chain, currentKey: svid.key, key: made });
  return { chain, bundle, key: made };
}
const makeKey_ = (): Promise<KeyObject> => makeKey();

async function byNodeKey({ dir, svid }: Host): Promise<unknown> {
  const client = createIdentityClient({ host: address, port: wall.identityPort, roots: svid.bundle });
  const nodeKey = (await loadNodeKey(dir)).key();
  return client.attest({ evidence: { attestor: 'node-key' }, key: await makeKey(), nodeKey });
}

/** All that a host has left is refused: its SVID, a copy of it that was renewed, its node key, its streams, its word. */
async function isOut(host: Host, copy: Host['svid'], instance: string): Promise<void> {
  for (const svid of [host.svid, copy]) {
    expect(await said(renew(svid))).toBe('failed_precondition');
    expect(await refusal(connect({ ...host, svid }, instance, 'r9'))).toMatch(/^FAILED_PRECONDITION: .*evicted/);
    for (const [path, body] of [
      ['/v1/hello', { run: 'r9' }],
      ['/v1/leave', { run: 'r9' }],
      ['/v1/counters', { run: 'r9', ...report }],
      ['/v1/application', { run: 'r9', answers: true, around: [] }],
      ['/v1/ports', { run: 'r9', taken: [] }],
    ] as const) {
      expect(await tell({ ...host, svid }, path, { instance, ...body }), path).toBe('failed_precondition');
    }
  }
  expect(await said(byNodeKey(host))).not.toBe('taken');
}

async function joinAgain({ dir }: Host): Promise<void> {
  const { token } = await wall.admin.createToken({ service: 'api' });
  const identity = `${address}:${wall.identityPort}`;
  await fetchSvid({ identity, dir, token: new Redacted(token), log: silentLog });
}

it('an evicted host is out at once, with every copy of its SVID, also after a restart; its siblings are not', async () => {
  const host = await join_(id);
  const copy = await renew(host.svid);
  const stream = connect(host, name, 'r1');
  await there();
  const { hosts } = await wall.admin.hosts();
  expect(hosts.find(({ proxies }) => proxies.includes(`${id}~${name}`))).toMatchObject({ spiffeId: id });
  const started = performance.now();
  // As status shows it.
  expect((await wall.admin.evict(`td1/service/api~${name}`)).proxies).toEqual([`${id}~${name}`]);
  expect(await refusal(stream)).toMatch(/^PERMISSION_DENIED: this host was evicted/);
  figure('evictedAfterMs', Math.round(performance.now() - started));
  expect(await proxy()).toBeUndefined();
  await isOut(host, copy, name);
  await wall.restart();
  await isOut(host, copy, name);
  await renew(sibling.svid);
  // By a token that an operator made since it joins as a new host.
  await joinAgain(host);
  await renew(read(host.dir));
});

it('is found by the serial of a copied SVID, too, and who is not there is not found', async () => {
  const host = await join_(id);
  const copy = await renew(host.svid);
  const { certificates } = await wall.admin.certificates();
  const newest = certificates
    .filter(({ purpose }) => purpose === 'svid-fetched')
    .toSorted((a, b) => b.notBefore - a.notBefore);
  expect(newest.length).toBeGreaterThan(0);
  const { X509Certificate } = await import('node:crypto');
  const serial = new X509Certificate(copy.chain).serialNumber.toLowerCase();
  expect((await wall.admin.evict(serial)).nodeKeys).toHaveLength(1);
  await isOut(host, copy, name);
  for (const nobody of ['0'.repeat(12), `${id}~nobody`, 'spiffe://td1/nobody', 'nobody']) {
    await expect(wall.admin.evict(nobody), nobody).rejects.toMatchObject({ code: 'not_found' });
  }
});

it('a Service that is deleted and applied again gives nothing back to the hosts of before', async () => {
  const host = await join_(id);
  const copy = await renew(host.svid);
  connect(host, name, 'r1');
  await there();
  await wall.admin.apply({ changes: [{ op: 'delete', key: 'Service/api' }] });
  await wall.apply(yaml(serviceText('api')));
  await eventually('it is cut off', async () => (await proxy()) === undefined || undefined);
  await isOut(host, copy, name);
  await wall.restart();
  await isOut(host, copy, name);
  await joinAgain(host);
  connect({ ...host, svid: read(host.dir) }, name, 'r1');
  await there();
});
