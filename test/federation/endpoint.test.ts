// Our bundle endpoint, and what fetches from such endpoints: against each other, and against endpoints that are not what they should be.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BundleEndpoint, openBundleEndpoint } from '../../src/identity/federation/bundle-endpoint.ts';
import { type BundleEndpoint as Endpoint, fetchBundle } from '../../src/identity/federation/fetch-bundle.ts';
import { createPublishedBundle } from '../../src/identity/federation/published-bundle.ts';
import type { PublicJwk } from '../../src/identity/jwt/jwt-keys.ts';
import { createTrustBundle, type TrustBundle } from '../../src/identity/trust-bundle.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createWatched, type Watched } from '../../src/lib/watchable.ts';
import type { SpiffeId, TrustDomain } from '../../src/model/spiffe-id.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createTestCa, type TestCa, type TestCertificateOptions } from '../support/test-ca.ts';

const trustDomain = 'td1' as TrustDomain;
const spiffeId = 'spiffe://td1/cellwall/server' as SpiffeId;
const host = '127.0.0.1';
let folder: string;
let ca: TestCa;
let other: TestCa;
let trust: Watched<TrustBundle>;
let endpoint: BundleEndpoint;
const servers: Server[] = [];

const credentials = async (of: TestCa, options: TestCertificateOptions) => {
  const { certificate, key } = await of.issue(options);
  return { certificate, key: new Redacted(key) };
};
const jwtKeys = { published: async () => [jwk] };
const jwk: PublicJwk = {
  kty: 'EC',
  crv: 'P-256',
  kid: 'k1',
  use: 'jwt-svid',
  alg: 'ES256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-endpoint-'));
  [ca, other] = [await createTestCa('ours'), await createTestCa('other')];
  trust = createWatched(createTrustBundle({ trustDomain, sequence: 5, roots: [ca.root] }));
  const file = join(folder, 'published.json');
  const body = createPublishedBundle({ bundle: trust, jwtKeys, file, clock: createFakeClock(), log: silentLog });
  const own = await credentials(ca, { uri: spiffeId });
  endpoint = await openBundleEndpoint({ address: { host, port: 0 }, credentials: own, body, log: silentLog });
});

afterAll(async () => {
  await endpoint.close();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(folder, { recursive: true, force: true });
});

const spiffe = (port: number, id = spiffeId): Endpoint => ({
  ...{ profile: 'https_spiffe', url: `https://${host}:${port}/`, spiffeId: id },
});
const fetchOwn = (id?: SpiffeId, known: readonly string[] = [ca.root]) =>
  fetchBundle(trustDomain, spiffe(endpoint.address.port, id), known);

it('gives the roots and the keys of JWT-SVIDs to whoever knows the roots before', async () => {
  const { bundle } = await fetchOwn();
  expect(bundle.roots).toEqual(trust.value().roots);
  expect(bundle.jwtKeys.map((key) => JSON.parse(key).kid)).toEqual(['k1']);
  expect(bundle.refreshMs).toBe(300_000);
  const before = bundle.sequence ?? 0;
  trust.set(createTrustBundle({ trustDomain, sequence: 6, roots: [ca.root, other.root] }));
  const after = (await fetchOwn()).bundle;
  expect(after.roots.length).toBe(2);
  expect(after.sequence).toBeGreaterThan(before);
  expect((await fetchOwn()).bundle.sequence).toBe(after.sequence);
});

it('is refused if it proves to be somebody else, or nobody', async () => {
  await expect(fetchOwn('spiffe://td1/spire/server' as SpiffeId)).rejects.toThrow(`it is ${spiffeId}, and not`);
  await expect(fetchOwn(undefined, [other.root])).rejects.toThrow();
  await expect(fetchOwn(undefined, [])).rejects.toThrow('no root is known');
  endpoint.rotate(await credentials(ca, { uri: spiffeId, moreUris: ['spiffe://td1/other'] }));
  await expect(fetchOwn()).rejects.toThrow('exactly one URI SAN');
  endpoint.rotate(await credentials(ca, { uri: 'spiffe://td2/cellwall/server' }));
  await expect(fetchOwn()).rejects.toThrow('another trust domain');
  endpoint.rotate(await credentials(ca, { dns: ['localhost'], ip: [host] }));
  await expect(fetchOwn()).rejects.toThrow('exactly one URI SAN');
  endpoint.rotate(await credentials(ca, { uri: spiffeId, lifetimeMs: -1000 }));
  await expect(fetchOwn()).rejects.toThrow('expired');
  endpoint.rotate(await credentials(ca, { uri: spiffeId }));
  await expect(fetchOwn()).resolves.toBeDefined();
});

it('with a certificate of the web is known by its name', async () => {
  endpoint.rotate(await credentials(other, { dns: ['localhost'] }));
  const { port } = endpoint.address;
  const web = (name: string, certificates: string | undefined): Promise<unknown> =>
    fetchBundle(trustDomain, { profile: 'https_web', url: `https://${name}:${port}/`, certificates }, []);
  await expect(web('localhost', other.root)).resolves.toMatchObject({ bundle: { trustDomain } });
  await expect(web(host, other.root)).rejects.toThrow();
  await expect(web('localhost', ca.root)).rejects.toThrow();
  await expect(web('localhost', undefined)).rejects.toThrow();
  endpoint.rotate(await credentials(ca, { uri: spiffeId }));
});

it('answers nothing else', async () => {
  const status = (path: string, method = 'GET') =>
    new Promise((resolve, reject) => {
      const { port } = endpoint.address;
      const asked = get({ host, port, path, method, ca: ca.root, checkServerIdentity: () => undefined }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      asked.on('error', reject);
    });
  expect(await status('/')).toBe(200);
  expect(await status('/', 'HEAD')).toBe(200);
  expect(await status('/../etc/passwd')).toBe(404);
  expect(await status('/', 'POST')).toBe(405);
});

it('that redirects, says no, sends too much, or something else is told in words', async () => {
  const answers: readonly (readonly [
    string,
    (respond: (status: number, text: string, location?: string) => void) => void,
  ])[] = [
    ['HTTP status 302', (respond) => respond(302, '', `https://${host}:${endpoint.address.port}/`)],
    ['HTTP status 404', (respond) => respond(404, '')],
    ['HTTP status 503', (respond) => respond(503, '')],
    ['too large', (respond) => respond(200, `{"keys": [], "x": "${'x'.repeat(300_000)}"}`)],
    ['not JSON', (respond) => respond(200, ca.root)],
    ['not JSON', (respond) => respond(200, '{"keys": [')],
    ['no "keys"', (respond) => respond(200, '{}')],
  ];
  const { certificate, key } = await ca.issue({ uri: spiffeId });
  for (const [said, act] of answers) {
    const server = createServer({ cert: certificate, key }, (_, response) =>
      act((status, text, location) => response.writeHead(status, location === undefined ? {} : { location }).end(text)),
    );
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, host, () => resolve()));
    const { port } = server.address() as AddressInfo;
    await expect(fetchBundle(trustDomain, spiffe(port), [ca.root])).rejects.toThrow(said);
  }
});
