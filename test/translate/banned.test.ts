// Bans on a real Envoy: who is banned is refused at the next request of an open connection and at every new connection, whatever the rules
// say; of two hosts of one identity only the banned one. Without bans, resources are the same bytes as ever.
import { randomBytes } from 'node:crypto';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Principal, RBAC_Action, RBACSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import { decide } from '../../src/policy/decide/decide.ts';
import type { BannedIr, MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { lint } from '../../src/translate/linter.ts';
import { anyOperation } from '../../src/translate/rbac/permissions.ts';
import { bannedPrincipals, principalContext } from '../../src/translate/rbac/principals.ts';
import { startTcpEcho } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { type OpenCall, openCall } from '../support/open-call.ts';
import { meshOf } from '../support/resolve-text.ts';
import { sourceFiles } from '../support/source-files.ts';
import { createTestCa, type TestCa, type TestCertificate } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument, trustDomain } from './mesh-text.ts';

const router = spiffeId(`spiffe://${trustDomain}/edge/router`);
const guest = spiffeId(`spiffe://${trustDomain}/edge/guest`);
const [hostA, hostB] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
const db = 'cell-1/db' as ServiceKey;

function spiffeId(text: string): SpiffeId {
  const id = parseSpiffeId(text);
  if (id === undefined) throw new Error(`not a SPIFFE ID: ${text}`);
  return id;
}

function meshWith(protocol: string, mode: string, banned?: BannedIr): MeshIr {
  const mesh = meshOf(
    [
      meshDocument('strict'),
      serviceDocument('db', 'cell-1', `{protocol: ${protocol}, mtls: {mode: ${mode}}}`),
      policyDocument('db', 'cell-1', '{target: {service: db}, action: allow, rules: [{from: [{everyone: true}]}]}'),
    ].join(''),
  );
  return banned === undefined ? mesh : { ...mesh, banned };
}

describe.each([
  ['tcp', 'strict'],
  ['tcp', 'permissive'],
  ['grpc', 'strict'],
  ['grpc', 'permissive'],
] as const)('%s, %s', (protocol, mode) => {
  let ca: TestCa;
  let proxy: TranslatedProxy;
  let stop = async (): Promise<void> => undefined;
  let port = 0;
  const svids = new Map<string, TestCertificate>();
  const opened: OpenCall[] = [];
  const inputs = (banned?: BannedIr) => ({
    mesh: meshWith(protocol, mode, banned),
    endpoints: new Map(),
    bundles: { roots: ca.root, legacyAnchors: new Map<string, string>() },
  });
  const call = (who: string): OpenCall => {
    const svid = svids.get(who);
    if (svid === undefined) throw new Error(who);
    const made = openCall({ kind: protocol === 'tcp' ? 'tcp' : 'stream', port, svid });
    opened.push(made);
    return made;
  };
  const passes = async (who: string): Promise<boolean> =>
    call(who)
      .echo('hello')
      .then(
        () => true,
        () => false,
      );
  const becomes = (who: string, passing: boolean): Promise<true> =>
    eventually(`${who} ${passing ? 'passes' : 'is refused'}`, async () => (await passes(who)) === passing || undefined);

  beforeAll(async () => {
    ca = await createTestCa('mesh root');
    const application = await startApplication(protocol);
    stop = application.stop;
    svids.set('A', await ca.issue({ uri: router, nodeKey: hostA }));
    svids.set('B', await ca.issue({ uri: router, nodeKey: hostB }));
    svids.set('guest', await ca.issue({ uri: guest }));
    proxy = await startTranslatedProxy(
      inputs(),
      {
        spiffeId: spiffeId(idOf('db', 'cell-1')),
        service: db,
        ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
      },
      await ca.issue({ uri: idOf('db', 'cell-1') }),
    );
    port = await proxy.envoy.port('inbound');
    for (const who of svids.keys()) await becomes(who, true);
  });

  afterAll(async () => {
    for (const one of opened) one.close();
    await proxy.stop();
    await stop();
  });

  test('one of two hosts, and then an identity', { timeout: 30_000 }, async () => {
    proxy.update(inputs({ identities: [], hosts: [hostA] }));
    await becomes('A', false);
    expect([await passes('B'), await passes('guest')]).toEqual([true, true]);
    proxy.update(inputs({ identities: [router], hosts: [hostB] }));
    await becomes('B', false);
    expect([await passes('A'), await passes('guest')]).toEqual([false, true]);
    proxy.update(inputs({ identities: [guest], hosts: [hostB] }));
    await becomes('A', true);
    expect([await passes('B'), await passes('guest')]).toEqual([false, false]);
    proxy.update(inputs());
    await becomes('guest', true);
    expect(await passes('B')).toBe(true);
  });
});

test('no break-glass identity is an exception, and explain says so', () => {
  const breakGlass = { ...meshWith('http1', 'strict'), breakGlass: [router] };
  const asked = { caller: { kind: 'id', id: router }, target: db } as const;
  expect(decide(breakGlass, asked)).toMatchObject({ outcome: 'allowed', stage: 'break-glass' });
  const mesh = { ...breakGlass, banned: { identities: [router], hosts: [] } };
  expect(decide(mesh, asked)).toMatchObject({ outcome: 'denied', stage: 'banned' });
});

test('a host is a reason to deny, never one to allow', () => {
  const mesh = meshWith('tcp', 'strict');
  const port = portOf(mesh, db);
  if (port === undefined) throw new Error('no db');
  const context = principalContext(port, mesh, 'deny');
  const host = bannedPrincipals({ identities: [], hosts: [hostA] }, context);
  expect(findings(RBAC_Action.DENY, host)).toEqual([]);
  expect(findings(RBAC_Action.ALLOW, host)).toEqual(['rbac-san-type']);
  const short = bannedPrincipals({ identities: [], hosts: [hostA.slice(1)] }, context);
  expect(findings(RBAC_Action.DENY, short)).toEqual(['rbac-san-type']);
});

function findings(action: RBAC_Action, principals: readonly Principal[]): readonly string[] {
  const message = create(RBACSchema, {
    action,
    policies: { one: { principals: [...principals], permissions: [anyOperation()] } },
  });
  return lint([{ typeUrl: 'x', name: 'x', schema: RBACSchema, message, madeBy: () => [] }]).map(({ code }) => code);
}

async function startApplication(protocol: 'tcp' | 'grpc') {
  if (protocol === 'tcp') return startTcpEcho();
  const server = createHttp2Server().on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { address: '127.0.0.1', port, stop: async () => void server.close() };
}

test('nobody is given a CRL, in any of the golden configurations', () => {
  const files = sourceFiles(['test/translate/golden'], ['.yaml']);
  expect(files.length).toBeGreaterThan(2);
  expect(files.filter(({ text }) => /\bcrl\b/i.test(text)).map(({ path }) => path)).toEqual([]);
  // The control: they do contain what would have it.
  expect(files.some(({ text }) => text.includes('trust_domains') || text.includes('trustDomains'))).toBe(true);
});
