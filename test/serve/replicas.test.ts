// Two control planes on one Redis and with one CA: what each does is the same as if there were one of them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeltaDiscoveryResponse } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { createIdentityClient } from '../../src/identity-api/client.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { makeKey } from '../../src/sidecar/svid/node-key.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { createRawXdsClient, type DeltaStream } from '../support/raw-xds-client.ts';
import { type Replica, type Replicas, startReplicas } from '../support/replicas.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa, type TestCertificate } from '../support/test-ca.ts';

const id = (name: string): string => `spiffe://td1/cell/cell-1/service/${name}`;
const { cluster, endpoint, listener, route, secret, extension } = typeUrls;
let replicas: Replicas;
let a: Replica;
let b: Replica;
const opened: { close(): void }[] = [];

const texts = async (): Promise<string> => {
  const pem = JSON.stringify((await createTestCa('old root')).root);
  return yaml(
    `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, legacyAuthorities: [{name: old, certificates: ${pem}}]}`,
    'kind: Cell\nmetadata: {name: cell-1}\nspec: {id: 1, region: east}',
    serviceText('cell-1/web', 'http1', ', dependsOn: [{service: api, listen: 15001}, {service: db, listen: 15002}]'),
    serviceText('cell-1/api', 'http2', ', mtls: {mode: permissive, legacyAuthority: old}'),
    serviceText('cell-1/db', 'tcp'),
    policyText('cell-1/calls', 'api', 'allow', '[{from: [{service: web}]}]'),
  );
};

beforeAll(async () => {
  replicas = await startReplicas(await texts());
  const [first, second] = replicas.all;
  if (first === undefined || second === undefined) throw new Error('not started');
  [a, b] = [first, second];
}, 60_000);
afterAll(async () => {
  for (const client of opened) client.close();
  await replicas?.stop();
}, 60_000);

interface Proxy {
  readonly node: string;
  readonly stream: DeltaStream;
  /** What it was sent on this stream, newest last: type and name, version, bytes. */
  readonly sent: (readonly [name: string, version: string, bytes: string])[];
  end(): Promise<void>;
}

/** As an Envoy with one stream that acknowledges everything; `has`: with what it has from an earlier one. */
function connect(
  of: Replica,
  service: string,
  svid: TestCertificate,
  has: ReadonlyMap<string, string> = new Map(),
  instance = 'one',
): Proxy {
  const client = createRawXdsClient(of.ports.xds, svid);
  opened.push(client);
  const stream = client.delta();
  const node = `${id(service)}~${instance}`;
  const sent: (readonly [string, string, string])[] = [];
  const port = ['web', 'api', 'db'].indexOf(service) + (instance === 'one' ? 41_001 : 41_101);
  const inbound = `127.0.0.1:${port}`;
  const cellwall = { inbound, application: '127.0.0.1:1', run: `run${service}` };
  const namesOf = (typeUrl: string): string[] =>
    [...has.keys()].filter((key) => key.startsWith(`${typeUrl} `)).map((key) => key.slice(typeUrl.length + 1));
  const versionsOf = (typeUrl: string) =>
    Object.fromEntries(namesOf(typeUrl).map((name) => [name, has.get(`${typeUrl} ${name}`) ?? '']));
  for (const [index, typeUrl] of [cluster, listener, endpoint, route, secret, extension].entries()) {
    const names = index < 2 ? ['*'] : namesOf(typeUrl);
    if (names.length === 0) continue;
    stream.send({
      ...{ typeUrl, resourceNamesSubscribe: names, initialResourceVersions: versionsOf(typeUrl) },
      ...(index > 0 ? {} : { node: { id: node, metadata: { cellwall } } }),
    });
  }
  const take = ({ typeUrl, nonce, resources }: DeltaDiscoveryResponse): void => {
    for (const { name, version, resource } of resources) {
      sent.push([`${typeUrl} ${name}`, version, Buffer.from(resource?.value ?? []).toString('hex')]);
    }
    stream.send({ typeUrl, responseNonce: nonce });
  };
  let open = true;
  void stream.ended.then(() => {
    open = false;
  });
  void (async () => {
    while (open) await stream.next(60_000).then(take, () => undefined);
  })();
  return {
    node,
    stream,
    sent,
    async end() {
      client.close();
      await stream.ended;
    },
  };
}

/** Everything that it is sent, by asking for it by name once it is known. */
async function everything(of: Replica, service: string, svid: TestCertificate) {
  const first = connect(of, service, svid);
  const names = await eventually('it has a snapshot', async () => {
    const { resources } = await of.admin.envoy(first.node).catch(() => ({ resources: [] }));
    return resources.length > 0 && first.sent.length > 1 ? resources : undefined;
  });
  const later = names.filter(({ typeUrl }) => typeUrl !== cluster && typeUrl !== listener);
  for (const [typeUrl, own] of Map.groupBy(later, (one) => one.typeUrl)) {
    first.stream.send({ typeUrl, resourceNamesSubscribe: own.map(({ name }) => name) });
  }
  await eventually('all of it came', () => {
    const there = new Set(first.sent.map(([name]) => name));
    return names.every(({ typeUrl, name }) => there.has(`${typeUrl} ${name}`)) || undefined;
  });
  return first;
}

const newest = ({ sent }: Proxy) => new Map(sent.map(([name, version, bytes]) => [name, { version, bytes }]));
const states = async (of: Replica) =>
  new Map((await of.admin.proxies()).proxies.map(({ node, state }) => [node, { state }]));

describe('two control planes', () => {
  it('serve the same bytes and versions, so that a stream that moves is sent its own secret only', async () => {
    const services = ['web', 'api', 'db'];
    const svids = new Map<string, TestCertificate>();
    for (const name of services) svids.set(name, await (name === 'api' ? b : a).enrol(id(name)));
    const svidOf = (name: string): TestCertificate => svids.get(name) ?? { certificate: '', key: '', root: '' };
    const there = await Promise.all(services.map((name) => everything(a, name, svidOf(name))));
    await eventually('all are endpoints', async () => {
      const { proxies } = await b.admin.proxies();
      return (proxies.length === 3 && proxies.every(({ ready }) => ready)) || undefined;
    });
    const web = there[0];
    if (web === undefined) throw new Error('no web');
    const address = Buffer.from('127.0.0.1').toString('hex');
    await eventually('web has the endpoints of all', () => {
      const endpoints = [...newest(web)].filter(([name]) => name.startsWith(endpoint));
      return (endpoints.length > 0 && endpoints.every(([, { bytes }]) => bytes.includes(address))) || undefined;
    });
    expect((await a.admin.status()).replicas).toMatchObject([{ self: true }, { self: false, alive: true }]);
    const places = new Set(
      (await b.admin.proxies()).proxies.map(({ replica, types }) => `${replica} ${types.length > 0}`),
    );
    expect([...places]).toEqual([`${(await a.admin.status()).replicas?.[0]?.id} true`]);
    for (const [index, proxy] of there.entries()) {
      const name = services[index] ?? '';
      const before = newest(proxy);
      const own = `${secret} ${id(name)}`;
      expect(before.has(own)).toBe(true);
      const versions = new Map([...before].map(([key, { version }]) => [key, version]));
      const moved = connect(b, name, svidOf(name), versions);
      await eventually('it has its own secret from there', () => newest(moved).has(own) || undefined);
      await eventually(
        'it is known to be there',
        async () => (await states(a)).get(proxy.node)?.state === 'connected' || undefined,
      );
      await proxy.end();
      // Nothing else comes, also after the roots, the endpoints and the rules were looked at again.
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect([...newest(moved).keys()], name).toEqual([own]);
      const fresh = await b.admin.envoy(proxy.node);
      for (const { typeUrl, name: resource, version } of fresh.resources) {
        const key = `${typeUrl} ${resource}`;
        if (key !== own) expect([key, version]).toEqual([key, before.get(key)?.version]);
      }
    }
  }, 60_000);

  it('renew the certificates of all, whichever is asked: those of one service, or of every proxy', async () => {
    const svid = await b.enrol(id('db'));
    const proxy = connect(b, 'db', svid, new Map(), 'renewing');
    proxy.stream.send({ typeUrl: secret, resourceNamesSubscribe: [id('db')] });
    await eventually('both know it', async () => {
      const known = [await states(a), await states(b)];
      return known.every((one) => one.get(proxy.node)?.state === 'connected') || undefined;
    });
    const own = `${secret} ${id('db')}`;
    await eventually('it has a certificate', () => newest(proxy).has(own) || undefined);
    for (const [of, selector] of [
      [a, 'cell-1/db'],
      [b, 'cell-1/db'],
      [a, undefined],
    ] as const) {
      const before = newest(proxy).get(own)?.bytes;
      const answer = await of.admin.rotate(selector);
      expect(answer.rotated).toBeGreaterThanOrEqual(1);
      expect(answer.silent).toBeUndefined();
      await eventually('it has another certificate', () => newest(proxy).get(own)?.bytes !== before || undefined);
    }
    await proxy.end();
  }, 60_000);

  it('give one token to one of a hundred hosts that redeem it at once, on both', async () => {
    const { token } = await a.admin.createToken({ service: 'cell-1/db' });
    const { root } = await a.enrol(id('db'));
    const said = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const { identity } = (index % 2 === 0 ? a : b).ports;
        const client = createIdentityClient({ host: '127.0.0.1', port: identity, roots: root, timeoutMs: 30_000 });
        const evidence = { attestor: 'join-token', token };
        const asked = client.attest({ evidence, key: await makeKey(), nodeKey: await makeKey() });
        return asked.then(
          () => 'won',
          (reason: unknown) => CellwallError.from(reason).code,
        );
      }),
    );
    figure('tokenWinners', said.filter((code) => code === 'won').length);
    expect(said.filter((code) => code === 'won')).toHaveLength(1);
    // The others are too late, or too many: failures are limited.
    const refused = ['unauthenticated', 'resource_exhausted', 'unavailable'];
    expect(said.filter((code) => code !== 'won' && !refused.includes(code))).toEqual([]);
  }, 60_000);

  it('lose no edit of many at once', async () => {
    const edits = qualifying ? 1000 : 120;
    let conflicts = 0;
    const edit = async (number: number): Promise<void> => {
      const text = yaml(`kind: Cell\nmetadata: {name: edit-${number}}\nspec: {id: ${1000 + number}}`);
      for (;;) {
        const done = await (number % 2 === 0 ? a : b).admin.apply({ text }).catch((reason: unknown) => reason);
        if (!(done instanceof Error)) return;
        const { code } = CellwallError.from(done);
        // A busy machine may lose an answer: the same edit again changes nothing.
        if (code !== 'aborted' && code !== 'unavailable') throw done;
        conflicts += 1;
      }
    };
    const before = (await a.admin.status()).revision ?? 0;
    const left = Array.from({ length: edits }, (_, number) => number);
    const worker = async (): Promise<void> => {
      for (let number = left.pop(); number !== undefined; number = left.pop()) await edit(number);
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    for (const one of [a, b]) {
      await eventually('both have all', async () => {
        const { documents } = await one.admin.documents('Cell');
        return documents.filter(({ key }) => key.includes('edit-')).length === edits || undefined;
      });
      expect((await one.admin.status()).revision).toBe(before + edits);
    }
    figure('edits', edits);
    figure('conflictsTriedAgain', conflicts);
  }, 240_000);

  it('shut out what the other evicts, at once', async () => {
    const svid = await eventually('it joins', () => a.enrol(id('db')).catch(() => undefined));
    const proxy = connect(a, 'db', svid, new Map(), 'two');
    await eventually('it is there', async () => (await states(b)).get(proxy.node)?.state === 'connected' || undefined);
    await b.admin.evict(proxy.node);
    const { details } = await proxy.stream.ended;
    expect(details).toMatch(/evicted/);
    await eventually('it is gone', async () => !(await states(a)).has(proxy.node) || undefined);
    const again = connect(a, 'db', svid, new Map(), 'two');
    expect((await again.stream.ended).details).toMatch(/evicted/);
  }, 60_000);
});
