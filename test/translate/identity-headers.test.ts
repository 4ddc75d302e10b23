// What an application is told of its caller, on a real Envoy: the names in the verified identity, today's subject DN on request, and
// never anything that the caller says itself.
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { constrainCa } from '../../src/identity/legacy/constrain.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { callerServerName } from '../../src/translate/inbound/caller-chains.ts';
import { subjectDn } from '../../src/translate/inbound/subject-dn.ts';
import { lint } from '../../src/translate/linter.ts';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { type EchoApplication, type EchoedRequest, startHttp1Echo } from '../support/echo-application.ts';
import { type HttpCall, httpCall } from '../support/http-call.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, serviceDocument, trustDomain } from './mesh-text.ts';

const api = 'cell-1/api' as ServiceKey;
const told = ['x-cellwall-peer-id', 'x-cellwall-peer-cell', 'x-cellwall-peer-service', 'x-client-cert-subject-dn'];
const forged = Object.fromEntries(told.map((name) => [name, 'forged']));

let ca: TestCa;
let legacyCa: TestCa;
let application: EchoApplication;

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  legacyCa = await createTestCa('legacy root');
  application = await startHttp1Echo();
});

afterAll(() => application.stop());

test('the subject DN is the DER that OpenSSL writes for CN=cell-1', () => {
  // As `openssl req -new -subj /CN=cell-1 -utf8` writes it: SEQUENCE, SET, SEQUENCE, 2.5.4.3, UTF8String.
  expect(Buffer.from(subjectDn('cell-1'), 'base64').toString('hex')).toBe('3011310f300d06035504030c0663656c6c2d31');
});

describe.each([
  ['asked for', '{xfcc: true, subjectDn: true}', true],
  ['not asked for', '{xfcc: true}', false],
])('with the subject DN %s', (_name, headers, dn) => {
  let proxy: TranslatedProxy;
  let port: number;
  let mesh: MeshIr;

  beforeAll(async () => {
    mesh = meshOf(
      [
        meshDocument('permissive', legacyCa.root),
        serviceDocument(
          'api',
          'cell-1',
          `{protocol: http1, identityHeaders: ${headers}, mtls: {mode: permissive, legacyAuthority: old}}`,
        ),
        serviceDocument('web', 'cell-1', '{protocol: http1, dependsOn: [{service: api, listen: 15001}]}'),
      ].join(''),
    );
    const legacyAnchors = new Map([['old', constrainCa(new X509Certificate(legacyCa.root).raw, trustDomain)]]);
    const shape = {
      spiffeId: idOf('api', 'cell-1') as SpiffeId,
      service: api,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    } satisfies ProxyShape;
    expect(lint(translate(mesh, new Map(), { roots: ca.root, legacyAnchors }, shape))).toEqual([]);
    proxy = await startTranslatedProxy(
      { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors } },
      shape,
      await ca.issue({ uri: idOf('api', 'cell-1') }),
    );
    port = await proxy.envoy.port('inbound');
    await vi.waitFor(async () => expect((await httpCall({ port })).status).toBe(200), { timeout: 10_000 });
  });

  afterAll(() => proxy.stop());

  const headersFor = async (tls?: HttpCall['tls']): Promise<(string | undefined)[]> => {
    const { status, body } = await httpCall({ port, headers: forged, ...(tls === undefined ? {} : { tls }) });
    if (status !== 200) throw new Error(`status ${status}: ${body}`);
    const { headers: seen } = JSON.parse(body) as EchoedRequest;
    return told.map((name) => seen[name]);
  };
  const dnOf = (cell: string): string | undefined => (dn ? subjectDn(cell) : undefined);

  test.each([
    ['a service of a cell', idOf('web', 'cell-1'), 'cell-1', 'web', 'cell-1'],
    ['a service of a cell with a name that begins alike', idOf('web', 'cell-10'), 'cell-10', 'web', 'cell-10'],
    ['a service of a cell that no document knows', idOf('web', 'cell-99'), 'cell-99', 'web', undefined],
    ['another identity of a cell', `spiffe://${trustDomain}/cell/cell-2/job/x`, undefined, undefined, 'cell-2'],
    ['a service in no cell', `spiffe://${trustDomain}/service/router`, undefined, 'router', undefined],
    ['an identity of no service', `spiffe://${trustDomain}/edge/router`, undefined, undefined, undefined],
    [
      'one that only ends like a service',
      `spiffe://${trustDomain}/x/cell/cell-1/service/web`,
      undefined,
      undefined,
      undefined,
    ],
  ])('%s', async (_what, uri, cell, service, cellOfDn) => {
    const expected = [uri, cell, service, cellOfDn === undefined ? undefined : dnOf(cellOfDn)];
    expect(await headersFor(await ca.issue({ uri }))).toEqual(expected);
  });

  test('a caller with a chain of its own: the same names; and nobody else gets them there', async () => {
    const called = portOf(mesh, api);
    if (called === undefined) throw new Error('no api');
    const uri = idOf('web', 'cell-1');
    const serverName = callerServerName(uri as SpiffeId, called);
    const expected = [uri, 'cell-1', 'web', dnOf('cell-1')];
    expect(await headersFor({ ...(await ca.issue({ uri })), serverName })).toEqual(expected);
    const others = [await ca.issue({ uri: idOf('web', 'cell-10') }), await legacyCa.issue({ uri }), {}];
    for (const other of others) await expect(headersFor({ ...other, serverName })).rejects.toThrow();
  });

  test('nothing of callers without an identity', async () => {
    const nothing = [undefined, undefined, undefined, undefined];
    expect(await headersFor()).toEqual(nothing);
    expect(await headersFor({})).toEqual(nothing);
    const elsewhere = 'spiffe://td2/cell/cell-1/service/web';
    expect(await headersFor(await legacyCa.issue({ uri: elsewhere }))).toEqual(nothing);
  });
});
