// Intermediates that follow one another, and a root that takes another's place: pushed to every consumer within a second, under load on
// real Envoys in four protocols, and no call fails.
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseJoinToken } from '../../../src/identity/join-token.ts';
import { type OpenAuthority, openAuthority } from '../../../src/identity/open-authority.ts';
import { certificateFingerprint } from '../../../src/identity/x509/fingerprint.ts';
import { fromPem, toPem } from '../../../src/identity/x509/pem.ts';
import { verifySvid } from '../../../src/identity/x509/verify-svid.ts';
import { defined } from '../../../src/lib/defined.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { readStats } from '../../../src/sidecar/envoy/read-stats.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo, startHttp2Echo, startTcpEcho } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { startGrpcBackend } from '../../support/grpc-unary.ts';
import { domainOf } from '../../support/identity-harness.ts';
import { type Protocol, type ProtocolLoad, protocolLoad, protocols } from '../../support/protocol-load.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { createTurningCa, type TurningCa } from '../../support/turning-ca.ts';

/** Of an intermediate: its successor is asked for at half of it, and signs from three quarters on. Certificates live no longer. */
const lifetimeMs = qualifying ? 60_000 : undefined;
/** Where nothing is measured, other tests have the machine, too. */
const pushedMs = qualifying ? 1000 : 15_000;
const waitMs = 60_000;

let ca: TurningCa;
let authority: OpenAuthority;
let plane: ServeHarness;
const applications: { readonly port: number; stop(): unknown }[] = [];
const sidecars = new Map<string, Sidecar>();
const outbound = new Map<string, number>();
let loads: readonly ProtocolLoad[] = [];

const start = { http1: startHttp1Echo, http2: startHttp2Echo, grpc: startGrpcBackend, tcp: startTcpEcho };

beforeAll(async () => {
  ca = await createTurningCa();
  const ports = await freePorts(2 * protocols.length);
  const listen = (index: number): number => ports[index] ?? 0;
  const depends = protocols.map((protocol, index) => `{service: ${protocol}, listen: ${listen(index)}}`);
  plane = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      ...protocols.map((protocol) => serviceText(protocol, protocol)),
      serviceText('web', 'http1', `, dependsOn: [${depends.join(', ')}]`),
      ...protocols.map((protocol) => policyText(protocol, protocol, 'allow', '[{from: [{service: web}]}]')),
    ),
    {
      adminTls: {},
      ca: { kind: 'turning' },
      async openCa(choice, deps) {
        const catalog = { turning: async () => ca.kind };
        authority = await openAuthority(
          choice,
          { ...deps, ...defined({ intermediateLifetimeMs: lifetimeMs }) },
          catalog,
        );
        return authority;
      },
    },
  );
  for (const [index, protocol] of protocols.entries()) {
    const application = await start[protocol]();
    applications.push(application);
    outbound.set(protocol, listen(index));
    await sidecar(protocol, { inbound: listen(protocols.length + index), application: application.port });
  }
  await sidecar('web');
  // What goes wrong before everything has come up is no concern of this test.
  for (const protocol of protocols) {
    await eventually(`${protocol} answers`, () => answers(protocol), waitMs);
  }
}, 240_000);

afterAll(async () => {
  await Promise.all(loads.map((load) => load.end()));
  for (const { envoyPid } of sidecars.values()) process.kill(envoyPid, 'SIGKILL');
  await Promise.all([...sidecars.values()].map(({ exited }) => exited));
  for (const application of applications) await application.stop();
  await plane?.stop();
}, 60_000);

async function answers(protocol: Protocol): Promise<true | undefined> {
  const load = protocolLoad(protocol, outbound.get(protocol) ?? 0);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return (await load.end()).fine > 0 || undefined;
}

async function sidecar(
  service: string,
  at?: { readonly inbound: number; readonly application: number },
): Promise<void> {
  const { token } = await plane.admin.createToken({ service });
  const started = await runSidecar({
    identity: `127.0.0.1:${plane.identityPort}`,
    xds: `127.0.0.1:${plane.xdsPort}`,
    token: new Redacted(token),
    dataDir: join(plane.folder, service),
    ...(at && { inbound: `127.0.0.1:${at.inbound}`, application: `127.0.0.1:${at.application}` }),
    ...{ env: process.env, log: silentLog, envoyWords: { write() {} }, drainSeconds: 0 },
  });
  sidecars.set(service, started);
}

/** PEM texts, in one order. */
const pems = (text: string): readonly string[] =>
  fromPem(text, 'CERTIFICATE')
    .map((der) => toPem(der, 'CERTIFICATE'))
    .sort();
const same = (found: readonly string[], roots: readonly string[]): boolean =>
  found.join('') === [...roots].sort().join('');

/** Each answers whether it has exactly these roots. */
type Consumer = readonly [name: string, has: (roots: readonly string[]) => Promise<boolean>];

function consumers(): readonly Consumer[] {
  const everySidecar = [...sidecars].flatMap(([name, one]): readonly Consumer[] => [
    [`SDS of ${name}`, async (roots) => same(await bundleOfEnvoy(one), roots)],
    [`bundle.pem of ${name}`, async (roots) => same(pems(readOf(name, 'svid/bundle.pem')), roots)],
    [
      `xDS connection of ${name}`,
      async (roots) => same(pems(readOf(name, 'xds-bundle.json').replaceAll('\\n', '\n')), roots),
    ],
  ]);
  return [
    ...everySidecar,
    ['xDS port', (roots) => takes(roots, async (root) => speaksXds(await ca.leaf(root, 'spiffe://td1/service/web')))],
    [
      'admin API',
      (roots) => takes(roots, async (root) => isOperator(await ca.leaf(root, 'spiffe://td1/cellwall/operator/ann'))),
    ],
    ['identity API', async (roots) => same(pems(await bundleOfIdentityApi()), roots)],
    [
      'join tokens',
      async (roots) => {
        const { token } = await plane.admin.createToken({ service: 'web' });
        const wanted = roots.map((root) => certificateFingerprint(fromPem(root, 'CERTIFICATE')[0] ?? Buffer.alloc(0)));
        return same([...parseJoinToken(token).rootFingerprints].sort(), wanted);
      },
    ],
  ];
}

const readOf = (name: string, file: string): string => readFileSync(join(plane.folder, name, file), 'utf8');

/** Of every root that there has been: an SVID of it is taken if it is among `roots`, and else not. */
async function takes(roots: readonly string[], taken: (root: string) => Promise<boolean>): Promise<boolean> {
  const found = await Promise.all(ca.all().map(async (root) => (await taken(root)) === roots.includes(root)));
  return found.every((right) => right);
}

/** Of Envoy's admin; '' where it does not answer in time. */
async function askEnvoy({ admin }: Sidecar, path: string): Promise<string> {
  const address = admin();
  return address === undefined ? '' : readStats(address, path).catch(() => '');
}

async function bundleOfEnvoy(sidecar: Sidecar): Promise<readonly string[]> {
  const dump = await askEnvoy(sidecar, '/config_dump?resource=dynamic_active_secrets&name_regex=spiffe://td1$');
  const [text = ''] = /"inline_string": "[^"]*"/.exec(dump) ?? [];
  return text === '' ? [] : pems(text.replaceAll('\\n', '\n'));
}

function speaksXds(credential: { readonly cert: string; readonly key: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connectHttp2(`https://127.0.0.1:${plane.xdsPort}`, { ...credential, rejectUnauthorized: false });
    const end = (spoke: boolean) => () => {
      resolve(spoke);
      session.destroy();
    };
    session.once('remoteSettings', end(true)).once('error', end(false)).once('close', end(false));
  });
}

const ask = (port: number, path: string, credential: object): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, agent: false, rejectUnauthorized: false, ...credential };
    const outgoing = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    outgoing.on('error', reject).end();
  });
const isOperator = async (credential: object): Promise<boolean> =>
  (await ask(plane.adminTlsPort, '/v1/services', credential)).status === 200;
const bundleOfIdentityApi = async (): Promise<string> => (await ask(plane.identityPort, '/v1/bundle', {})).text;

/** The longest that any consumer took until it had those roots, after the change. */
async function pushed(change: () => void | Promise<void>): Promise<number> {
  const all = consumers();
  await change();
  const began = performance.now();
  const { roots } = authority.bundle.value();
  const took = await Promise.all(
    all.map(async ([name, has]) => {
      // Not at every moment: what looks is in the same process as what is looked at, and as the load.
      const look = async (): Promise<true | undefined> => {
        await new Promise((resolve) => setTimeout(resolve, 80));
        return (await has(roots)) || undefined;
      };
      await eventually(`${name} has ${roots.length} roots`, look, waitMs);
      return [name, performance.now() - began] as const;
    }),
  );
  const slow = took.filter(([, ms]) => ms > pushedMs);
  expect(slow).toEqual([]);
  return Math.max(...took.map(([, ms]) => ms));
}

/** The serial that each proxy shows to its peers, as its own Envoy has it. */
async function shown(): Promise<readonly string[]> {
  return Promise.all(
    [...sidecars.values()].map(async (one) => {
      const text = await askEnvoy(one, '/certs');
      return [...text.matchAll(/"serial_number": "([0-9a-f]+)"/g)].map(([, serial = '']) => serial).join(' ');
    }),
  );
}

async function serials(): Promise<ReadonlyMap<string, string>> {
  const { proxies } = await plane.admin.proxies();
  return new Map(proxies.map(({ node, certificate }) => [node, certificate?.serial ?? '']));
}

/** Every Envoy has the certificate that the control plane means it to have, and none of `before`. */
async function inUse(before: ReadonlyMap<string, string>): Promise<void> {
  await eventually(
    'every Envoy has its new certificate',
    async () => {
      const now = await serials();
      if ([...now].some(([node, serial]) => serial === '' || before.get(node) === serial)) return undefined;
      const inEnvoys = (await shown()).join(' ');
      return [...now.values()].every((serial) => inEnvoys.includes(serial.replace(/^0+/, ''))) || undefined;
    },
    waitMs,
  );
}

const intermediates = async (): Promise<string> =>
  (await plane.admin.certificates()).certificates
    .filter(({ purpose }) => purpose === 'ca-intermediate')
    .map(({ serial }) => serial)
    .join(' ');

it('no call fails, in four protocols, and every consumer has the roots within a second', {
  timeout: 600_000,
}, async () => {
  loads = protocols.map((protocol) => protocolLoad(protocol, outbound.get(protocol) ?? 0));

  // By itself: leaves are cut short by the intermediate's end, so that all are renewed under the next one.
  if (lifetimeMs !== undefined) {
    const before = await serials();
    const signed = await intermediates();
    const changed = async (): Promise<true | undefined> => (await intermediates()) !== signed || undefined;
    await eventually('the next intermediate signs', changed, 3 * lifetimeMs);
    await inUse(before);
  }

  // On demand, twice.
  for (let turn = 0; turn < 2; turn++) {
    const known = await serials();
    await authority.signer.rotate();
    await plane.admin.rotate();
    await inUse(known);
  }

  figure('addedPushedMs', Math.round(await pushed(() => ca.add())));
  const [first = '', second = ''] = ca.all();
  expect(authority.bundle.value().roots).toEqual([first, second].sort());

  // The new root takes over; what proxies show to one another is of it.
  const known = await serials();
  ca.turn();
  await authority.signer.rotate();
  await plane.admin.rotate();
  await inUse(known);

  figure('removedPushedMs', Math.round(await pushed(() => ca.drop())));
  expect(authority.bundle.value().roots).toEqual([second]);
  // Helpers get SVIDs of the new root by themselves, from a control plane that has one, too.
  const trust = { bundle: second, trustDomain: domainOf('td1') };
  await eventually(
    'every helper has an SVID of the new root',
    () => [...sidecars.keys()].every((name) => isUnder(readOf(name, 'svid/svid.pem'), trust)) || undefined,
    waitMs,
  );
  await eventually('every proxy is connected', async () => (await allConnected()) || undefined, waitMs);

  // On a busy machine the changes are over before there were calls enough to tell.
  const enough = qualifying ? 500 : 20;
  const called = (): boolean => loads.every((load) => load.fine() > enough);
  await eventually('enough calls in every protocol', () => called() || undefined, waitMs);

  const ended = await Promise.all(loads.map((load) => load.end()));
  for (const [index, { fine, failed }] of ended.entries()) {
    expect([protocols[index], failed]).toEqual([protocols[index], []]);
    expect(fine).toBeGreaterThan(enough);
    figure(`${protocols[index]} calls`, fine);
    figure(`${protocols[index]} failed`, failed.length);
  }
});

function isUnder(chain: string, trust: { readonly bundle: string; readonly trustDomain: ReturnType<typeof domainOf> }) {
  try {
    verifySvid({ chain, ...trust, now: Date.now() });
    return true;
  } catch {
    return false;
  }
}

async function allConnected(): Promise<boolean> {
  const { proxies } = await plane.admin.proxies();
  return proxies.length === sidecars.size && proxies.every(({ state }) => state === 'connected');
}
