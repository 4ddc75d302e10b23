// A server of another trust domain that a service here calls, through a real Envoy: reached with our SVID, and only if it proves to be
// exactly the identity that the document names, by a root of its own trust domain.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, test, vi } from 'vitest';
import { createBundleSource } from '../../src/control/bundles.ts';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import { uriSans } from '../../src/identity/x509/uri-sans.ts';
import type { SpiffeId, TrustDomain } from '../../src/model/spiffe-id.ts';
import { explain } from '../../src/policy/decide/explain.ts';
import type { MeshIr, ServiceIr, ServiceKey } from '../../src/policy/ir.ts';
import { httpCall } from '../support/http-call.ts';
import { meshOf, meshText, policyText, problemsOf, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { createTestCa, type TestCa, type TestCertificateOptions } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';

const billing = 'spiffe://partner.example/billing';
const web = 'spiffe://td1/service/web' as SpiffeId;

let ours: TestCa;
let partner: TestCa;
let server: Server;
let proxy: TranslatedProxy;
let port: number;
/** Of callers, as the server saw them. */
const callers: string[] = [];

const trustBundle = (root: string | undefined) =>
  `kind: TrustBundle\nmetadata: {name: partner}\nspec: ${JSON.stringify({
    trustDomain: 'partner.example',
    ...(root === undefined ? { endpoint: { profile: 'https_web', url: 'https://partner.example' } } : { bundle: root }),
  })}`;
const outside = (at: number) =>
  serviceText(
    ...(['billing', 'http1'] as const),
    `, external: {spiffeId: "${billing}"}, endpoints: {static: [{address: 127.0.0.1, port: ${at}}]}`,
  );

function mesh(root: string | undefined): MeshIr {
  const found = meshOf(
    yaml(
      meshText('strict'),
      serviceText('web', 'http1', ', dependsOn: [{service: billing, listen: 9000}]'),
      outside((server.address() as AddressInfo).port),
      trustBundle(root),
    ),
  );
  const free = ({ dependsOn, ...service }: ServiceIr): ServiceIr => ({
    ...service,
    dependsOn: dependsOn.map((one) => ({ ...one, listen: 0 })),
  });
  return { ...found, services: new Map([...found.services].map(([key, service]) => [key, free(service)])) };
}

function inputs(root: string | undefined) {
  const bundle = createTrustBundle({ trustDomain: 'td1' as TrustDomain, sequence: 1, roots: [ours.root] });
  const of = mesh(root);
  return { mesh: of, endpoints: new Map(), bundles: createBundleSource({ value: () => bundle }, () => '').of(of) };
}

async function prove(ca: TestCa, options: TestCertificateOptions): Promise<void> {
  const { certificate, key } = await ca.issue(options);
  server.setSecureContext({ cert: certificate, key, ca: ours.root });
}

const status = async () => (await httpCall({ port, headers: { host: 'localhost' } })).status;

beforeAll(async () => {
  [ours, partner] = [await createTestCa('ours'), await createTestCa('partner')];
  const { certificate, key } = await partner.issue({ uri: billing });
  server = createServer(
    { cert: certificate, key, ca: ours.root, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const socket = request.socket as unknown as { getPeerCertificate(): { readonly raw: Buffer } };
      callers.push(...uriSans(socket.getPeerCertificate().raw));
      response.setHeader('connection', 'close');
      response.end('billed');
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const shape = { spiffeId: web, service: 'web' as ServiceKey };
  proxy = await startTranslatedProxy(inputs(partner.root), shape, await ours.issue({ uri: web }));
  port = await proxy.envoy.port('outbound:billing');
  await vi.waitFor(async () => expect(await status()).toBe(200), { timeout: 20_000 });
}, 60_000);

afterAll(async () => {
  await proxy?.stop();
  server?.close();
  server?.closeAllConnections();
});

test('it is called with the SVID of the caller', async () => {
  expect(await status()).toBe(200);
  expect(new Set(callers)).toEqual(new Set([web]));
  expect(proxy.ads.nacks).toEqual([]);
});

test('nobody else is called in its place', async () => {
  for (const [ca, options] of [
    [partner, { uri: 'spiffe://partner.example/billing2' }],
    [partner, { uri: 'spiffe://partner.example/other' }],
    [partner, { dns: ['localhost'] }],
    [ours, { uri: billing }],
    [ours, { uri: 'spiffe://td1/service/billing' }],
    [await createTestCa('third'), { uri: billing }],
  ] as const) {
    await prove(ca, options);
    await vi.waitFor(async () => expect([options, await status()]).toEqual([options, 503]), { timeout: 10_000 });
  }
  await prove(partner, { uri: billing });
  await vi.waitFor(async () => expect(await status()).toBe(200), { timeout: 10_000 });
});

test('while the roots of its trust domain are not known, nobody is called', async () => {
  proxy.update(inputs(undefined));
  await vi.waitFor(async () => expect(await status()).toBe(503), { timeout: 10_000 });
  proxy.update(inputs(partner.root));
  await vi.waitFor(async () => expect(await status()).toBe(200), { timeout: 10_000 });
  expect(proxy.ads.nacks).toEqual([]);
});

it('is no service of the mesh: nobody gets its identity, and no document speaks of it but those that call it', () => {
  const found = mesh(partner.root);
  expect(found.identities.exact.has(billing as SpiffeId)).toBe(false);
  expect(found.serviceOf.has(billing as SpiffeId)).toBe(false);
  const caller = { kind: 'id', id: web } as const;
  expect(() => explain(found, { target: 'billing' as ServiceKey, caller })).toThrow('outside of this mesh');
  const codes = (...more: readonly string[]) =>
    problemsOf(yaml(meshText('strict'), serviceText('api'), outside(443), trustBundle(partner.root), ...more)).map(
      ({ code, severity }) => `${severity} ${code}`,
    );
  expect(codes()).toEqual([]);
  const refused = ['error outside-of-the-mesh'];
  expect(codes(policyText('p', 'billing', 'allow', '[{from: [{service: api}]}]'))).toEqual(refused);
  expect(codes(policyText('p', 'api', 'allow', '[{from: [{service: billing}]}]'))).toEqual(refused);
  expect(codes(workloadText('w', '{identity: {service: billing}}'))).toEqual(refused);
  expect(codes(serviceText('web', 'http1', ', identityHeaders: {trustedFrom: [{service: billing}]}'))).toEqual(refused);
  const external = 'external: {spiffeId: "spiffe://partner.example/x"}';
  expect(codes(serviceText('none', 'http1', `, ${external}`))).toEqual(['error no-endpoints']);
  const at = 'endpoints: {dns: {name: partner.example, port: 443}}';
  expect(codes(serviceText('odd', 'http1', `, ${external}, ${at}, mtls: {mode: permissive}`))).toEqual(refused);
});
