// Callers of a foreign trust domain at a real Envoy: only where a rule names them, only those of their own trust domain, and only with a
// certificate that names exactly one identity; over HTTP and TCP.
import { connect } from 'node:tls';
import { isMessage } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { createBundleSource } from '../../src/control/bundles.ts';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import type { SpiffeId, TrustDomain } from '../../src/model/spiffe-id.ts';
import { explain } from '../../src/policy/decide/explain.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { type EchoApplication, type EchoedRequest, startHttp1Echo, startTcpEcho } from '../support/echo-application.ts';
import { httpCall } from '../support/http-call.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa, type TestCa, type TestCertificate, type TestCertificateOptions } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';

const billing = 'spiffe://partner.example/billing';
const inTeam = 'spiffe://partner.example/team/a';
const web = 'spiffe://td1/service/web';

let ours: TestCa;
let partner: TestCa;
let unnamed: TestCa;
let http: EchoApplication;
let tcp: EchoApplication;
let proxy: TranslatedProxy;
let ports: { readonly http: number; readonly raw: number; readonly own: number };

/** `extra`: policies. `own` is a port whose rules name nobody of another trust domain. */
function mesh(...extra: readonly string[]): MeshIr {
  const bundle = (name: string, root: string) =>
    `kind: TrustBundle\nmetadata: {name: ${name}}\nspec: ${JSON.stringify({ trustDomain: `${name}.example`, bundle: root })}`;
  return meshOf(
    yaml(
      meshText('strict'),
      'kind: Service\nmetadata: {name: api}\nspec: {ports: [{name: http, protocol: http1}, ' +
        '{name: raw, protocol: tcp}, {name: own, protocol: http1}]}',
      serviceText('web', 'http1'),
      bundle('partner', partner.root),
      bundle('unnamed', unnamed.root),
      policyText(
        ...(['calls', 'api', 'allow'] as const),
        `[{from: [{service: web}, {spiffeId: "${billing}"}, {prefix: "spiffe://partner.example/team/"}], to: [{port: http}, {port: raw}]}]`,
      ),
      policyText('own', 'api', 'allow', '[{from: [{everyone: true}], to: [{port: own}]}]'),
      ...extra,
    ),
  );
}

function bundles(of: MeshIr) {
  const bundle = createTrustBundle({ trustDomain: 'td1' as TrustDomain, sequence: 1, roots: [ours.root] });
  return createBundleSource({ value: () => bundle }, () => '').of(of);
}

const inputs = (of: MeshIr) => ({ mesh: of, endpoints: new Map(), bundles: bundles(of) });
const update = (next: MeshIr): void => proxy.update(inputs(next));

function shape() {
  const here = { address: '127.0.0.1', port: 0 };
  return {
    spiffeId: 'spiffe://td1/service/api' as SpiffeId,
    service: 'api' as ServiceKey,
    ports: [
      { name: 'http', inbound: here, application: http },
      { name: 'raw', inbound: here, application: tcp },
      { name: 'own', inbound: here, application: http },
    ],
  };
}

beforeAll(async () => {
  [ours, partner, unnamed] = [await createTestCa('ours'), await createTestCa('partner'), await createTestCa('other')];
  [http, tcp] = [await startHttp1Echo(), await startTcpEcho()];
  proxy = await startTranslatedProxy(inputs(mesh()), shape(), await ours.issue({ uri: shape().spiffeId }));
  const port = (name: string) => proxy.envoy.port(`inbound/${name}`);
  ports = { http: await port('http'), raw: await port('raw'), own: await port('own') };
  await vi.waitFor(async () => expect(await overHttp(ours, { uri: web })).toBe(200), { timeout: 20_000 });
}, 60_000);

afterAll(async () => {
  await proxy?.stop();
  await Promise.all([http?.stop(), tcp?.stop()]);
});

const call = (tls: TestCertificate, port: number) =>
  httpCall({ port, tls }).catch(() => ({ status: 0, body: '' }) as const);

/** 0: refused in the handshake. */
async function overHttp(ca: TestCa, options: TestCertificateOptions, port = ports.http): Promise<number> {
  return (await call(await ca.issue(options), port)).status;
}

/** Whether the application answered. */
async function overTcp(ca: TestCa, options: TestCertificateOptions, port = ports.raw): Promise<boolean> {
  const { certificate: cert, key } = await ca.issue(options);
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, cert, key, rejectUnauthorized: false });
    let heard = '';
    socket.on('secureConnect', () => socket.write('ping'));
    socket.on('data', (data: Buffer) => {
      heard += data.toString('latin1');
      if (heard.includes('ping')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard.includes('ping')));
  });
}

test('Envoy takes all that it is given', () => {
  expect(proxy.ads.nacks).toEqual([]);
});

test('whom a rule names, exactly or by a prefix, is let in, and nobody else of that trust domain', async () => {
  for (const [uri, passes] of [
    [billing, true],
    [inTeam, true],
    ['spiffe://partner.example/billing2', false],
    ['spiffe://partner.example/team', false],
    ['spiffe://partner.example/service/web', false],
  ] as const) {
    expect([uri, await overHttp(partner, { uri })]).toEqual([uri, passes ? 200 : 403]);
    expect([uri, await overTcp(partner, { uri })]).toEqual([uri, passes]);
    const caller = { kind: 'id', id: uri as SpiffeId } as const;
    const { decision } = explain(mesh(), { target: 'api' as ServiceKey, port: 'http', caller });
    expect([uri, decision.outcome]).toEqual([uri, passes ? 'allowed' : 'denied']);
  }
});

test('a root vouches for its own trust domain alone', async () => {
  expect(await overHttp(partner, { uri: web })).toBe(0);
  expect(await overHttp(ours, { uri: billing })).toBe(0);
  expect(await overHttp(unnamed, { uri: billing })).toBe(0);
  expect(await overTcp(partner, { uri: web })).toBe(false);
  expect(await overTcp(ours, { uri: billing })).toBe(false);
  expect(await overTcp(unnamed, { uri: billing })).toBe(false);
});

test('a port whose rules name nobody of a trust domain refuses it in the handshake, whatever "everyone" may do', async () => {
  expect(await overHttp(ours, { uri: web }, ports.own)).toBe(200);
  expect(await overHttp(partner, { uri: billing }, ports.own)).toBe(0);
  expect(await overHttp(unnamed, { uri: 'spiffe://unnamed.example/x' })).toBe(0);
  const caller = { kind: 'id', id: billing as SpiffeId } as const;
  const { decision, notes } = explain(mesh(), { target: 'api' as ServiceKey, port: 'own', caller });
  expect(notes).toEqual([`needed to let it in: an allow rule that names ${billing}`]);
  expect([decision.stage, decision.reason]).toEqual([
    'handshake',
    'no allow rule of the service names identities of the trust domain partner.example',
  ]);
});

test('a certificate with a second URI name is refused, over HTTP and over TCP', async () => {
  for (const moreUris of [
    [web],
    [inTeam],
    ['spiffe://partner.example/other'],
    ['https://partner.example'],
    [billing],
    // What a header could be mistaken about.
    [`x,${web}`],
  ]) {
    expect([moreUris, await overHttp(partner, { uri: billing, moreUris })]).toEqual([moreUris, 403]);
    expect([moreUris, await overTcp(partner, { uri: billing, moreUris })]).toEqual([moreUris, false]);
  }
  for (const uri of [
    'spiffe://partner.example/team/a,b',
    `spiffe://partner.example/team/,${web}`,
    'spiffe://partner.example/team/..',
    'spiffe://partner.example/team/../billing',
    'spiffe://partner.example/team//a',
    'spiffe://partner.example/team/a/',
    'spiffe://partner.example/team/%61',
    'spiffe://partner.example/team/a?x',
  ]) {
    expect([uri, await overHttp(partner, { uri })]).toEqual([uri, 403]);
    expect([uri, await overTcp(partner, { uri })]).toEqual([uri, false]);
  }
});

test('the control: without the guard, a second name passes over TCP as one of ours', async () => {
  const unguarded = await startTranslatedProxy(
    ...([inputs(mesh()), shape(), await ours.issue({ uri: shape().spiffeId }), []] as const),
    (resources) => {
      for (const { message } of resources) {
        if (!isMessage(message, ListenerSchema)) continue;
        for (const chain of message.filterChains) {
          chain.filters = chain.filters.filter(({ name }) => name !== 'cellwall.one-identity');
        }
      }
      return resources;
    },
  );
  try {
    const forged = { uri: 'spiffe://partner.example/nobody', moreUris: [web] };
    const raw = await unguarded.envoy.port('inbound/raw');
    await vi.waitFor(async () => expect(await overTcp(partner, forged, raw)).toBe(true), { timeout: 20_000 });
    expect(await overTcp(partner, forged)).toBe(false);
    expect(await overHttp(partner, forged)).toBe(403);
  } finally {
    await unguarded.stop();
  }
});

test('the application learns the foreign ID, and no name of ours', async () => {
  const uri = 'spiffe://partner.example/team/cell/cell-1/service/web';
  const { body } = await call(await partner.issue({ uri, dns: ['a;URI=spiffe.td1'] }), ports.http);
  const { headers } = JSON.parse(body) as EchoedRequest;
  const names = Object.keys(headers).filter((name) => /^x-(cellwall|forwarded-client|client-cert)/.test(name));
  expect(names).toEqual(['x-cellwall-peer-id']);
  expect(headers['x-cellwall-peer-id']).toBe(uri);
});

test('a deny rule refuses a foreign caller, and the last rule that names the trust domain takes it away', async () => {
  update(mesh(policyText('no', 'api', 'deny', `[{from: [{spiffeId: "${billing}"}]}]`)));
  await vi.waitFor(async () => expect(await overHttp(partner, { uri: billing })).toBe(403), { timeout: 10_000 });
  await vi.waitFor(async () => expect(await overTcp(partner, { uri: billing })).toBe(false), { timeout: 10_000 });
  expect(await overHttp(partner, { uri: inTeam })).toBe(200);
  const without = mesh();
  const { trustBundles: _, ...rest } = meshOf(
    yaml(
      meshText('strict'),
      'kind: Service\nmetadata: {name: api}\nspec: {ports: [{name: http, protocol: http1}, ' +
        '{name: raw, protocol: tcp}, {name: own, protocol: http1}]}',
      policyText('own', 'api', 'allow', '[{from: [{everyone: true}]}]'),
    ),
  );
  expect(without.trustBundles?.size).toBe(2);
  update(rest);
  await vi.waitFor(async () => expect(await overHttp(partner, { uri: inTeam })).toBe(0), { timeout: 10_000 });
  expect(await overTcp(partner, { uri: inTeam })).toBe(false);
  expect(proxy.ads.nacks).toEqual([]);
});
