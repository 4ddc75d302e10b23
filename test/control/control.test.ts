import { describe, expect, it, vi } from 'vitest';
import type { BundleSource } from '../../src/control/bundles.ts';
import { createControl } from '../../src/control/control.ts';
import type { Rotator } from '../../src/identity/rotator.ts';
import type { Svid } from '../../src/identity/svid.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { NodeId } from '../../src/lib/node-id.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { DocumentKey } from '../../src/model/documents/document.ts';
import { parseDocuments } from '../../src/model/parse.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { check } from '../../src/policy/resolve/check.ts';
import { createOwnRegistry } from '../../src/registry/own-registry.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Change } from '../../src/store/store.ts';
import { createSnapshotCache } from '../../src/xds/resources/cache.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const documents = `
apiVersion: cellwall/v1
kind: Mesh
metadata: {name: shop}
spec: {trustDomain: shop.test}
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: api}
spec: {protocol: http1}
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: web}
spec: {protocol: http1, dependsOn: [{service: api, listen: 9000}]}
`;
const api = 'spiffe://shop.test/service/api~a' as NodeId;
const web = 'spiffe://shop.test/service/web~a' as NodeId;

const puts = (text: string): Change[] => {
  const parsed = parseDocuments(text, 'test.yaml');
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problems));
  return parsed.documents.map(({ key, text: own }) => ({ op: 'put', key, text: own }));
};

function svidOf(spiffeId: SpiffeId, serial: string): Svid {
  const day = new Date(Date.UTC(2026, 0, 2));
  return { spiffeId, chain: 'chain', key: new Redacted('key'), serial, notBefore: day, notAfter: day };
}

async function start() {
  const clock = createFakeClock();
  const store = createMemoryStore({ check, log: silentLog, clock });
  await store.apply(puts(documents), { author: 'test' });
  const cache = createSnapshotCache();
  const issuing = { fails: false };
  const rotator: Rotator = {
    async ensure(_node, spiffeId) {
      if (issuing.fails) throw new Error('no SVID now');
      return svidOf(spiffeId, '01');
    },
    current: () => undefined,
    rotate: async () => undefined,
    rotateAll: async () => ({ rotated: 0, failed: 0 }),
    release: () => {},
    close: () => {},
  };
  // The very same each time, as the real one.
  const material = { roots: 'roots', legacyAnchors: new Map<string, string>() };
  const bundles: BundleSource = { of: () => material };
  const registry = createOwnRegistry({
    leases: createMemoryTable(),
    clock,
    log: silentLog,
    onChange: (change) => control.onRegistryChange(change),
  });
  const metrics = createMetrics({ process: false });
  const control = createControl({
    ...{ store, bundles, rotator, cache, registry, clock, metrics },
    ...{ log: silentLog, cuts: createMemoryTable() },
  });
  await control.start();
  let streams = 0;
  const connect = async (node: NodeId, inbound?: string, userAgent = 'envoy'): Promise<void> => {
    const metadata = { cellwall: { ...(inbound === undefined ? {} : { inbound }), application: '127.0.0.1:80' } };
    const claims = { id: node, cluster: '', userAgent, metadata };
    control.onStream({ kind: 'connected', stream: ++streams, node, claims, peer: { address: '127.0.0.1' } });
    // The SVID is issued in a promise.
    await new Promise(setImmediate);
  };
  const acceptAll = (node: NodeId): void => {
    for (const typeUrl of cache.get(node)?.resources.keys() ?? []) {
      control.onStream({ kind: 'acked', stream: 1, node, typeUrl, nonce: 'n', version: 'v', revision: 1, refused: 0 });
    }
  };
  const names = (node: NodeId, type: keyof typeof typeUrls): readonly string[] => [
    ...(cache.get(node)?.resources.get(typeUrls[type])?.keys() ?? []),
  ];
  const value = (node: NodeId, type: keyof typeof typeUrls, name: string): string =>
    Buffer.from(cache.get(node)?.resources.get(typeUrls[type])?.get(name)?.value ?? []).toString('latin1');
  const counted = async (name: string): Promise<number> =>
    Number(new RegExp(`^cellwall_${name}_total (\\d+)$`, 'm').exec(await metrics.text())?.[1]);
  return { clock, store, cache, control, connect, acceptAll, names, value, counted, issuing };
}

describe('control', () => {
  it('translates for the proxies that a change concerns, and for nobody else, as its metrics tell', async () => {
    const { connect, acceptAll, store, clock, counted } = await start();
    const apply = async (text: string): Promise<readonly number[]> => {
      const before = [await counted('translations'), await counted('resources_made')];
      await store.apply(puts(text), { author: 'test' });
      clock.advance(100);
      await new Promise(setImmediate);
      return [(await counted('translations')) - (before[0] ?? 0), (await counted('resources_made')) - (before[1] ?? 0)];
    };
    for (const [node, at] of [
      [api, '127.0.0.1:8443'],
      [web, '127.0.0.1:8444'],
    ] as const) {
      await connect(node, at);
      acceptAll(node);
      clock.advance(100);
    }
    const head = 'apiVersion: cellwall/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\n';
    const rules = (path: string) => `rules: [{from: [{service: web}], to: [{path: {prefix: ${path}}}]}]`;
    const [proxies, made = 0] = await apply(`${head}spec: {target: {service: api}, action: allow, ${rules('/a')}}\n`);
    expect(proxies).toBe(1);
    expect(made).toBeLessThan(8);
    // A comment changes nothing; a cell that nobody is in neither.
    expect(await apply(`# why\n${head}spec: {target: {service: api}, action: allow, ${rules('/a')}}\n`)).toEqual([
      0, 0,
    ]);
    expect(
      await apply(
        'apiVersion: cellwall/v1\nkind: Workload\nmetadata: {name: w}\nspec: {identity: {spiffeId: "spiffe://shop.test/job"}}\n',
      ),
    ).toEqual([0, 0]);
    // Its retries are its one caller's.
    const [callers] = await apply(documents.split('---')[1]?.replace('http1', 'http1, retries: {attempts: 3}') ?? '');
    expect(callers).toBe(1);
  });

  it('gives a proxy what changed while it was away with the next change, also if no SVID is issued to it', async () => {
    const { connect, acceptAll, store, clock, control, value, issuing } = await start();
    const apply = async (text: string): Promise<void> => {
      await store.apply(puts(text), { author: 'test' });
      clock.advance(100);
      await new Promise(setImmediate);
    };
    const denies = () => value(api, 'extension', 'api/authz-deny').includes('p/0');
    await connect(api, '127.0.0.1:8443');
    await connect(web, '127.0.0.1:8444');
    acceptAll(api);
    clock.advance(100);
    control.onStream({ kind: 'disconnected', stream: 1, node: api });
    const policy = 'apiVersion: cellwall/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\n';
    await apply(`${policy}spec: {target: {service: api}, action: deny, rules: [{from: [{service: web}]}]}\n`);
    expect(denies()).toBe(false);
    issuing.fails = true;
    await connect(api, '127.0.0.1:8443');
    // Of no concern to it.
    await apply(`${policy.replace('name: p', 'name: q')}spec: {target: {service: web}, action: allow, rules: []}\n`);
    expect(denies()).toBe(true);
  });

  it('asks again and again for the SVID of a proxy that is connected, until there is one', async () => {
    const { connect, clock, names, cache, issuing } = await start();
    const turn = async (): Promise<void> => {
      clock.advance(4000);
      await new Promise(setImmediate);
    };
    issuing.fails = true;
    await connect(api, '127.0.0.1:8443');
    for (let times = 0; times < 5; times += 1) await turn();
    expect(cache.get(api)).toBeUndefined();
    issuing.fails = false;
    await turn();
    expect(names(api, 'secret')).toContain('spiffe://shop.test/service/api');
  });

  it('takes a proxy for an endpoint again that was gone and came back with all it needs: nothing is sent to it', async () => {
    const { connect, acceptAll, cache, control, clock, names, value } = await start();
    await connect(api, '127.0.0.1:8443');
    acceptAll(api);
    await connect(web);
    control.onStream({ kind: 'disconnected', stream: 1, node: api });
    clock.advance(31_000);
    const endpoints = () => value(web, 'endpoint', names(web, 'endpoint')[0] ?? '');
    expect(endpoints()).not.toContain('127.0.0.1');
    await connect(api, '127.0.0.1:8443');
    for (const typeUrl of cache.get(api)?.resources.keys() ?? []) {
      expect(control.proxies().find(({ node }) => node === api)?.ready).toBe(false);
      control.onStream({ kind: 'kept', stream: 3, node: api, typeUrl, revision: 1 });
    }
    expect(control.proxies().find(({ node }) => node === api)?.ready).toBe(true);
    clock.advance(100);
    expect(endpoints()).toContain('127.0.0.1');
  });

  it('serves a proxy what its service declares, with its own secret, and nothing to an unknown identity', async () => {
    const { connect, names, cache } = await start();
    await connect(api, '127.0.0.1:8443');
    expect(names(api, 'listener')).toEqual(['inbound']);
    expect(names(api, 'secret')).toContain('spiffe://shop.test/service/api');
    const stranger = 'spiffe://shop.test/service/stranger~a' as NodeId;
    await connect(stranger, '127.0.0.1:8444');
    expect(cache.get(stranger)).toBeUndefined();
  });

  it('sends nothing to an Envoy that is too old, also if it was sent something when it was newer, and says so', async () => {
    const { connect, cache, control, names } = await start();
    const statusOfApi = () => control.proxies().find(({ node }) => node === api);
    await connect(api, '127.0.0.1:8443', 'envoy/1.40.0');
    expect(names(api, 'listener')).toEqual(['inbound']);
    await connect(api, '127.0.0.1:8443', 'envoy/1.36.2');
    expect(cache.get(api)).toBeUndefined();
    expect(statusOfApi()).toMatchObject({ ready: false, outdated: expect.stringContaining('1.36.2') });
    await connect(api, '127.0.0.1:8443', 'envoy/1.39.1');
    expect(names(api, 'listener')).toEqual(['inbound']);
    expect(statusOfApi()?.outdated).toBeUndefined();
  });

  it('says of a proxy that what was made for it is not sent, as it would be dangerous, until it is mended', async () => {
    const { store, connect, control, names, clock } = await start();
    const withheld = () => control.proxies().find(({ node }) => node === api)?.withheld;
    await connect(api, '127.0.0.1:8443');
    expect(withheld()).toBeUndefined();
    const open = `
apiVersion: cellwall/v1
kind: EnvoyResource
metadata: {name: open}
spec:
  selector: {services: [api]}
  resource:
    '@type': type.googleapis.com/envoy.config.listener.v3.Listener
    name: open
    address: {socket_address: {address: 0.0.0.0, port_value: 1}}
    enable_reuse_port: false
    traffic_direction: OUTBOUND
`;
    await store.apply(puts(open), { author: 'test' });
    await vi.waitFor(() => {
      clock.advance(100);
      expect(withheld()).toMatch(/^it would be dangerous: listener-not-loopback \(open\)/);
    });
    expect(names(api, 'listener')).toEqual(['inbound']);
    await store.apply([{ op: 'delete', key: 'EnvoyResource/open' as DocumentKey }], { author: 'test' });
    await vi.waitFor(() => {
      clock.advance(100);
      expect(withheld()).toBeUndefined();
    });
  });

  it('serves an identity that is no Service its own secret and the bundle, and says nothing of other types', async () => {
    const { store, connect, cache, clock } = await start();
    const id = 'spiffe://shop.test/edge/ingress';
    const ingress = `${id}~a` as NodeId;
    // Of any version: nothing of the wall stands on it.
    await connect(ingress, undefined, 'envoy/1.30.0');
    expect(cache.get(ingress)).toBeUndefined();
    const workload = `apiVersion: cellwall/v1\nkind: Workload\nmetadata: {name: in}\nspec: {identity: {spiffeId: ${id}}}`;
    await store.apply(puts(workload), { author: 'test' });
    await new Promise(setImmediate);
    clock.advance(100);
    const snapshot = cache.get(ingress);
    expect(snapshot?.partial).toBe(true);
    expect([...(snapshot?.resources.keys() ?? [])]).toEqual([typeUrls.secret]);
    expect([...(snapshot?.resources.get(typeUrls.secret)?.keys() ?? [])].toSorted()).toEqual([
      'spiffe://shop.test',
      id,
    ]);
  });

  it('never empties a proxy whose Service became a mere Workload', async () => {
    const { store, connect, cache, clock } = await start();
    const workload =
      'apiVersion: cellwall/v1\nkind: Workload\nmetadata: {name: web}\nspec: {identity: {spiffeId: "spiffe://shop.test/service/web"}}';
    await store.apply(puts(workload), { author: 'test' });
    await connect(web);
    expect(cache.get(web)?.partial).toBeUndefined();
    await store.apply([{ op: 'delete', key: 'Service/web' as DocumentKey }], { author: 'test' });
    await new Promise(setImmediate);
    clock.advance(100);
    // Absent types of a partial snapshot are not answered: what the proxy has stays.
    expect(cache.get(web)?.partial).toBe(true);
  });

  it('makes a proxy an endpoint of its service when it has accepted everything, not before', async () => {
    const { connect, acceptAll, value, names, clock } = await start();
    await connect(web);
    await connect(api, '127.0.0.1:8443');
    clock.advance(100);
    const [assignment] = names(web, 'endpoint');
    expect(assignment).toBeDefined();
    const before = value(web, 'endpoint', assignment ?? '');
    acceptAll(api);
    clock.advance(100);
    expect(value(web, 'endpoint', assignment ?? '')).not.toBe(before);
    expect(value(web, 'endpoint', assignment ?? '')).toContain('127.0.0.1');
  });

  it('does not register an address that is not the one the proxy connects from', async () => {
    const { connect, control } = await start();
    await connect(api, '10.1.2.3:8443');
    expect(control.proxies()).toMatchObject([{ node: api }]);
    const [proxy] = control.proxies();
    expect(proxy?.inbound).toBeUndefined();
    expect(proxy?.notRegistered).toBe('10.1.2.3:8443 is not the address it connects from, 127.0.0.1');
  });

  it('says that a proxy whose Service was deleted does not serve', async () => {
    const { connect, acceptAll, control, store, clock } = await start();
    await connect(api, '127.0.0.1:8443');
    acceptAll(api);
    expect(control.proxies()).toMatchObject([{ node: api, service: 'api', ready: true }]);
    const deleted = ['Service/web', 'Service/api'].map((key): Change => ({ op: 'delete', key: key as DocumentKey }));
    await store.apply(deleted, { author: 'test' });
    await new Promise(setImmediate);
    clock.advance(100);
    expect(control.proxies()).toMatchObject([{ node: api, ready: false }]);
  });

  it('gives the very same snapshot when nothing of a proxy changed', async () => {
    const { connect, cache, store, clock } = await start();
    await connect(web);
    const before = cache.get(web);
    await store.apply(puts('apiVersion: cellwall/v1\nkind: Cell\nmetadata: {name: cell-9}\nspec: {id: 9}'), {
      author: 't',
    });
    await new Promise(setImmediate);
    clock.advance(100);
    expect(cache.get(web)).toBe(before);
  });

  it('puts a policy change into the authorization filter alone', async () => {
    const { connect, cache, store, clock } = await start();
    await connect(api, '127.0.0.1:8443');
    const change = async (to: string): Promise<void> => {
      const policy = `
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: api}
spec: {target: {service: api}, action: allow, rules: [{from: [{service: web}]${to}}]}`;
      await store.apply(puts(policy), { author: 'test', urgent: true });
      await new Promise(setImmediate);
      clock.advance(100);
    };
    await change(', to: [{methods: [GET]}]');
    const before = cache.get(api);
    await change('');
    const after = cache.get(api);
    for (const type of ['cluster', 'listener', 'route', 'endpoint'] as const) {
      expect(after?.resources.get(typeUrls[type])).toBe(before?.resources.get(typeUrls[type]));
    }
    expect(after?.resources.get(typeUrls.extension)).not.toEqual(before?.resources.get(typeUrls.extension));
  });

  it('pushes a renewed SVID to its own proxy alone, with its serial as the version', async () => {
    const { connect, cache, control } = await start();
    await connect(api, '127.0.0.1:8443');
    await connect(web);
    const others = cache.get(web);
    const id = 'spiffe://shop.test/service/api' as SpiffeId;
    control.onSvid(api, svidOf(id, '02'));
    expect(cache.get(api)?.resources.get(typeUrls.secret)?.get(id)?.version).toBe('02');
    expect(cache.get(web)).toBe(others);
  });

  it('names the documents of what was rejected, by API as well, and follows their lines without sending anything', async () => {
    const { connect, control, store, cache, clock } = await start();
    await connect(web);
    const rejected = cache.get(web)?.resources.get(typeUrls.cluster)?.get('outbound:api');
    const of = { stream: 1, node: web, typeUrl: typeUrls.cluster, nonce: 'n', version: 'v', revision: 1 };
    const message = 'Error adding/updating cluster(s) outbound:api: no';
    control.onStream({ kind: 'nacked', ...of, message, changed: rejected === undefined ? [] : [rejected] });
    const madeBy = () =>
      control
        .proxies()
        .find(({ node }) => node === web)
        ?.types.find(({ nack }) => nack !== undefined)
        ?.nack?.resources.flatMap((one) => one.madeBy.map(({ document, path, source }) => [document, path, source]));
    const at = (file: string, line: number, column: number) => ({ file, line, column });
    const others = [
      ['Service/api', [], at('Service/api', 1, 1)],
      ['Mesh/shop', [], at('Mesh/shop', 2, 1)],
    ];
    const dependency = ['Service/web', ['spec', 'dependsOn', 0]];
    expect(madeBy()).toEqual([[...dependency, at('Service/web', 4, 37)], ...others]);

    const before = cache.get(web);
    const text = puts(documents).flatMap((change) =>
      change.op === 'put' && change.key === 'Service/web' ? change.text : [],
    );
    await store.apply(puts(`# one line more\n${text}`), { author: 'test', urgent: true });
    await new Promise(setImmediate);
    clock.advance(100);
    await new Promise(setImmediate);
    expect(control.published()).toBe(2);
    expect(madeBy()).toEqual([[...dependency, at('Service/web', 5, 37)], ...others]);
    expect(cache.get(web)).toBe(before);
    expect(control.sentTo(web)?.resources.find(({ name }) => name === 'outbound:api')?.madeBy[0]?.source.line).toBe(5);
    expect(control.sentTo('spiffe://shop.test/service/web~other')).toBeUndefined();
  });

  it('shows a rejection with the proxy, and forgets it when a later version is accepted', async () => {
    const { connect, control } = await start();
    await connect(api, '127.0.0.1:8443');
    const of = { stream: 1, node: api, typeUrl: typeUrls.listener, nonce: 'n', version: 'v' };
    control.onStream({ kind: 'nacked', ...of, revision: 1, changed: [], message: 'duplicate address' });
    expect(control.proxies()[0]?.types).toMatchObject([{ nack: { revision: 1, message: 'duplicate address' } }]);
    control.onStream({ kind: 'acked', ...of, revision: 2, refused: 0 });
    expect(control.proxies()[0]?.types[0]?.nack).toBeUndefined();
  });
});
