// A cell's own control plane: it follows its parent's documents and serves by itself; what may be changed there, and who may follow.
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAdminClient } from '../../src/admin/client.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { verifySvid } from '../../src/identity/x509/verify-svid.ts';
import { createIdentityClient } from '../../src/identity-api/client.ts';
import { deliver } from '../../src/identity-api/deliver.ts';
import { certifyAtParent, followParent } from '../../src/identity-api/follow-client.ts';
import { identityPaths } from '../../src/identity-api/identity-protocol.ts';
import type { Log } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createSvidFiles } from '../../src/sidecar/svid/svid-files.ts';
import { type Cable, layCable } from '../support/cable.ts';
import { eventually } from '../support/eventually.ts';
import { qualifying } from '../support/figure.ts';
import { heardLog } from '../support/heard-log.ts';
import { domainOf } from '../support/identity-harness.ts';
import { createRawXdsClient } from '../support/raw-xds-client.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const meshText = 'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}';
const cellText = (name: string, id: number, controlPlane?: string): string =>
  `kind: Cell\nmetadata: {name: ${name}}\nspec: {id: ${id}${controlPlane === undefined ? '' : `, controlPlane: ${controlPlane}`}}`;
const api = (protocol: string): string =>
  `kind: Service\nmetadata: {name: api, cell: cell-1}\nspec: {protocol: ${protocol}}`;
const dropped = /replaced by the parent's version.*AuthorizationPolicy\/cell-1\/p/;
const followerId = 'spiffe://td1/cellwall/follower/cell-1';

let parent: ServeHarness;
let cable: Cable;
let told: string[];
let log: Log;
const closers: (() => unknown)[] = [];

beforeEach(() => {
  told = [];
  const say = (fields: object, message: string): void => void told.push(`${message} ${JSON.stringify(fields)}`);
  log = { ...heardLog({ warn: say, error: say }), child: () => heardLog({ warn: say, error: say }) };
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startParent(controlPlane: string): Promise<void> {
  parent = await startServe(
    yaml(meshText, cellText('cell-1', 1, controlPlane), cellText('cell-2', 2), api('http1'), serviceText('web')),
    { adminTls: {} },
  );
  closers.push(() => parent.stop());
  cable = await layCable(parent.identityPort);
  closers.push(() => cable.close());
}

async function startFollower(spiffeId = followerId): Promise<ServeHarness> {
  const { token } = await parent.admin.createToken({ spiffeId });
  const follower = await startServe('', {
    parent: { addresses: `127.0.0.1:${cable.port}`, token: new Redacted(token) },
    log,
  });
  closers.push(() => follower.stop());
  return follower;
}

const textsOf = async ({ admin }: ServeHarness): Promise<string> =>
  JSON.stringify((await admin.documents()).documents.map(({ key, text }) => [key, text]));
const same = (follower: ServeHarness): Promise<true> =>
  eventually(
    'the documents are the parent’s',
    async () => (await textsOf(follower)) === (await textsOf(parent)) || undefined,
  );
const holds = (at: ServeHarness, key: string, part: string | undefined): Promise<true> =>
  eventually(`${key} has ${part}`, async () => {
    const text = (await at.admin.documents()).documents.find((one) => one.key === key)?.text;
    return part === undefined ? text === undefined || undefined : text?.includes(part) || undefined;
  });

describe('a follower', () => {
  it('has the parent’s documents, below the parent’s root, and no others', async () => {
    await startParent('{}');
    const follower = await startFollower();
    await same(follower);
    await parent.apply(yaml(serviceText('more')));
    await same(follower);
    // A sidecar there has an SVID of the follower's intermediate, which the parent's root vouches for.
    const bundle = readFileSync(join(parent.folder, 'data', 'ca', 'bundle.pem'), 'utf8');
    const { chain } = await follower.enrol('spiffe://td1/service/web');
    const pem = readFileSync(chain, 'utf8');
    expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(verifySvid({ chain: pem, bundle, trustDomain: domainOf('td1'), now: Date.now() }).spiffeId).toBe(
      'spiffe://td1/service/web',
    );
    const [, intermediate = ''] = pem.split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(new X509Certificate(bundle).publicKey.equals(new X509Certificate(intermediate).publicKey)).toBe(false);
    // Changed at the parent alone.
    await expect(follower.apply(yaml(serviceText('web', 'tcp')))).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('does not change Service/web'),
      hint: expect.stringContaining('controlPlane.localChanges'),
    });
    await expect(follower.apply(yaml(api('tcp')))).rejects.toMatchObject({ code: 'failed_precondition' });
    // Not by a file either, and that is on record.
    writeFileSync(join(follower.folder, 'documents', 'extra.yaml'), yaml(serviceText('extra')));
    await eventually(
      'it is told',
      () => told.some((line) => line.includes('replaced by') && line.includes('Service/extra')) || undefined,
    );
    await same(follower);
    const { records } = await follower.admin.audit();
    expect(records.map(({ event }) => event)).toContainEqual(
      expect.objectContaining({ author: 'parent', reason: expect.stringContaining('Service/extra') }),
    );
  });

  it('shows its link to the parent, and the parent its followers and the intermediates that it certified', async () => {
    await startParent('{localChanges: parent-wins}');
    const follower = await startFollower();
    await same(follower);
    const link = async () => (await follower.admin.status()).parent;
    const { revision = 0 } = await parent.admin.status();
    await eventually('its revision is in force', async () => (await link())?.inForce === revision || undefined);
    const version = (await parent.admin.status()).version;
    expect(await link()).toMatchObject({ connected: true, revision, version, replaced: { count: 0 } });
    expect(await parent.admin.status()).toMatchObject({
      followers: [{ cell: 'cell-1', address: '127.0.0.1', revision }],
    });
    expect(Object.keys(await parent.admin.status())).not.toContain('parent');
    const { records } = await parent.admin.audit();
    const certified = records.map(({ event }) => event).filter(({ kind }) => kind === 'intermediate-certified');
    expect(certified).toEqual([
      expect.objectContaining({ author: followerId, cell: 'cell-1', notAfter: expect.stringMatching(/^20.*Z$/) }),
    ]);
    const heardAt = (await link())?.heardAt ?? 0;
    await eventually('it is heard again', async () => ((await link())?.heardAt ?? 0) > heardAt || undefined);
    cable.cut();
    await follower.apply(yaml(api('grpc')));
    await parent.apply(yaml(api('tcp')));
    await eventually('it is cut off', async () => (await link())?.connected === false || undefined);
    cable.mend();
    await eventually('what gave way is named', async () => ((await link())?.replaced.count ?? 0) > 0 || undefined);
    expect((await link())?.replaced).toMatchObject({ count: 1, last: { documents: ['Service/cell-1/api'] } });
    const figures = await follower.metrics();
    expect(figures).toMatch(/^cellwall_parent_connected 1$/m);
    expect(figures).toMatch(/^cellwall_parent_replaced 1$/m);
    expect(await parent.metrics()).toMatch(/^cellwall_followers 1$/m);
    await follower.stop();
    await eventually('it is gone', async () => (await parent.admin.status()).followers === undefined || undefined);
  });

  it('goes on alone, also after a restart, and takes up what it missed within 5 s', async () => {
    await startParent('{}');
    const follower = await startFollower();
    await same(follower);
    cable.cut();
    await parent.apply(yaml(serviceText('missed')));
    await follower.restart();
    await follower.enrol('spiffe://td1/service/web');
    expect(await textsOf(follower)).not.toContain('missed');
    const since = performance.now();
    cable.mend();
    await same(follower);
    expect(performance.now() - since).toBeLessThan(qualifying ? 5000 : 15_000);
  });

  it.each(['parent-wins', 'local-wins'] as const)(
    'changes its own cell’s documents where it may, and in a conflict %s',
    async (localChanges) => {
      await startParent(`{localChanges: ${localChanges}}`);
      const follower = await startFollower();
      await same(follower);
      await expect(follower.apply(yaml(serviceText('web', 'tcp')))).rejects.toMatchObject({
        hint: expect.stringContaining('only documents of the cell cell-1'),
      });
      cable.cut();
      await follower.apply(
        yaml(api('grpc'), 'kind: Service\nmetadata: {name: local, cell: cell-1}\nspec: {protocol: http1}'),
      );
      await parent.apply(yaml(api('tcp'), serviceText('more')));
      cable.mend();
      await holds(follower, 'Service/more', 'more');
      await holds(follower, 'Service/cell-1/api', localChanges === 'local-wins' ? 'grpc' : 'tcp');
      await holds(follower, 'Service/cell-1/local', 'local');
      const words = localChanges === 'local-wins' ? "this cell's version stays" : "replaced by the parent's version";
      await eventually(
        'it is told',
        () => told.some((line) => line.includes(words) && line.includes('Service/cell-1/api')) || undefined,
      );
      // What is changed here alone is kept, over a restart too.
      await follower.restart();
      await parent.apply(yaml(serviceText('again')));
      await holds(follower, 'Service/again', 'again');
      await holds(follower, 'Service/cell-1/local', 'local');
      // The parent says otherwise from now on.
      await parent.apply(yaml(cellText('cell-1', 1, '{localChanges: refused}')));
      await same(follower);
    },
  );

  it('drops a change of its own that is not valid with the parent’s', async () => {
    await startParent('{localChanges: local-wins}');
    const follower = await startFollower();
    await same(follower);
    await follower.apply(yaml(policyText('cell-1/p', 'api', 'allow', '[{from: [{service: web}]}]')));
    await parent.admin.apply({ changes: [{ op: 'delete', key: 'Service/web' }], confirm: ['deletes-much'] });
    await same(follower);
    await eventually('it is told', () => told.some((line) => dropped.test(line)) || undefined);
  });
});

describe('who may follow', () => {
  it('is the control plane of a cell that has one, by its own identity', async () => {
    await startParent('{}');
    const heard: unknown[] = [];
    const at = { host: '127.0.0.1', port: parent.identityPort };
    const listen = async (dir: string) => {
      const svid = createSvidFiles(dir).read();
      if (svid === undefined) throw new Error('it has one');
      await followParent({ at, svid, onEvent: (event) => void heard.push(event), signal: AbortSignal.timeout(5000) });
    };
    const web = await parent.enrol('spiffe://td1/service/web');
    await expect(listen(web.dir)).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(parent.admin.createToken({ spiffeId: 'spiffe://td1/cellwall/follower/cell-2' })).rejects.toMatchObject(
      { code: 'not_found' },
    );
    const own = await parent.enrol(followerId);
    // From the moment on which its cell has none any more.
    const ended = listen(own.dir);
    await eventually('it listens', () => heard.length >= 2 || undefined);
    await parent.apply(yaml(cellText('cell-1', 1)));
    await ended;
    await expect(listen(own.dir)).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('no control plane of its own'),
    });
    const kinds = heard.map((event) => Object(event).kind);
    expect(kinds.filter((kind) => kind !== 'bans' && kind !== 'rotation')).toEqual(['roots', 'whole', 'change']);
    expect(readdirSync(own.dir)).toContain('svid.pem');
  });

  it('and what its intermediate signed earns nothing at the parent, also after a restart: neither more time nor more rights', async () => {
    await startParent('{}');
    const follower = await startFollower();
    await same(follower);
    const [web, operator] = ['spiffe://td1/service/web', 'spiffe://td1/cellwall/operator/admin/eve'];
    const at = { host: '127.0.0.1', port: parent.identityPort };
    const use = async (from: ServeHarness, spiffeId: string, how: 'renew' | 'certify' | 'admin' | 'xds' | 'hello') => {
      const svid = createSvidFiles((await from.enrol(spiffeId)).dir).read();
      if (svid === undefined) throw new Error('it has one');
      const { chain, key: currentKey, bundle } = svid;
      const key = currentKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      const fresh = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
      if (how === 'renew')
        return createIdentityClient({ ...at, roots: bundle }).renew({ chain, currentKey, key: fresh });
      if (how === 'certify') return certifyAtParent(at, svid, createCsr(fresh), 5000);
      if (how === 'hello') {
        const body = async () => ({ instance: 'y', run: 'r1' });
        return deliver({ ...at, svid, timeoutMs: 5000, path: identityPaths.hello, body }).then(() => 'taken');
      }
      if (how === 'admin') {
        const url = `https://127.0.0.1:${parent.adminTlsPort}`;
        return createAdminClient({ url, svid: { chain, key: new Redacted(key), bundle } }).status();
      }
      const client = createRawXdsClient(parent.xdsPort, { root: bundle, key, certificate: chain });
      const stream = client.sotw();
      stream.send({ node: { id: `${spiffeId}~x` }, typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
      try {
        return await stream.next();
      } finally {
        client.close();
      }
    };
    const ways = [
      [web, 'renew'],
      [operator, 'renew'],
      [followerId, 'renew'],
      [followerId, 'certify'],
      [operator, 'admin'],
      [web, 'xds'],
      [web, 'hello'],
    ] as const;
    for (const when of ['at once', 'after a restart']) {
      for (const [spiffeId, how] of ways) {
        const refused = await use(follower, spiffeId, how).then(
          () => 'taken',
          (reason: unknown) => String(Object(reason).message),
        );
        expect(refused, `${when}: ${spiffeId}, ${how}`).toContain('of the control plane of a cell');
      }
      await parent.restart();
    }
    // The control: the same, signed by the parent.
    for (const [spiffeId, how] of ways) expect(await use(parent, spiffeId, how), `${spiffeId}, ${how}`).toBeDefined();
  }, 120_000);

  it('gets so many intermediates for its cell, and then one now and then: each is known until it ends', async () => {
    await startParent('{}');
    const svid = createSvidFiles((await parent.enrol(followerId)).dir).read();
    if (svid === undefined) throw new Error('it has one');
    const csr = createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    const at = { host: '127.0.0.1', port: parent.identityPort };
    const asked = await Promise.all(
      Array.from({ length: 61 }, () =>
        certifyAtParent(at, svid, csr, 30_000).then(
          () => 'given',
          (reason: unknown) => String(Object(reason).code),
        ),
      ),
    );
    expect(asked.toSorted()).toEqual([...Array.from({ length: 60 }, () => 'given'), 'resource_exhausted']);
  }, 60_000);
});
