// Shadow policies on a real Envoy: nobody is refused by them, and what they would have refused comes back through the access log,
// by caller, method and policy.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseSpiffeId, parseTrustDomain, type SpiffeId, type TrustDomain } from '../../src/model/spiffe-id.ts';
import { httpCall as readHttp, readLogName, tcpCall as readTcp } from '../../src/observe/access-log.ts';
import type { Call } from '../../src/observe/traffic-count.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { createPathRecorder } from '../../src/policy/replay/recorded-path.ts';
import { type EchoApplication, startHttp1Echo, startTcpEcho } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { httpCall } from '../support/http-call.ts';
import { cellText, meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';

const mesh = meshOf(
  yaml(
    meshText('permissive'),
    cellText('cell-1', 1),
    serviceText('cell-1/api'),
    serviceText('cell-1/db', 'tcp'),
    serviceText('cell-1/web', 'http1', ', dependsOn: [{service: api, listen: 15001}]'),
    policyText('cell-1/only-web', 'api', 'allow', '[{from: [{service: web}]}]', 'shadow'),
    policyText(
      'cell-1/no-admin',
      'api',
      'deny',
      '[{from: [{everyone: true}], to: [{path: {prefix: /admin}}]}]',
      'shadow',
    ),
    policyText('cell-1/db-no-anonymous', 'db', 'deny', '[{from: [{anonymous: true}]}]', 'shadow'),
  ),
);
const domain = parseTrustDomain('td1') as TrustDomain;
const idOf = (name: string): SpiffeId => parseSpiffeId(`spiffe://td1/cell/cell-1/service/${name}`) as SpiffeId;

let ca: TestCa;
const stops: (() => Promise<void> | void)[] = [];
beforeAll(async () => {
  ca = await createTestCa('mesh root');
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

async function start(name: string, application: EchoApplication, shape: object = {}): Promise<TranslatedProxy> {
  stops.push(() => application.stop());
  const proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
    {
      spiffeId: idOf(name),
      service: `cell-1/${name}` as ServiceKey,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
      ...shape,
    },
    await ca.issue({ uri: idOf(name) }),
  );
  stops.push(() => proxy.stop());
  return proxy;
}

/** What the control plane would have recorded so far. */
function recorded({ ads }: TranslatedProxy): readonly Call[] {
  const keep = createPathRecorder();
  return ads.logs.flatMap(({ logName, message: { logEntries } }) => {
    const log = readLogName(logName);
    if (log === undefined) return [];
    const service = portOf(mesh, log.service as ServiceKey);
    const calls =
      logEntries.case === 'httpLogs'
        ? logEntries.value.logEntry.map((entry) =>
            readHttp(log, entry, [domain], (_, path) => (service === undefined ? undefined : keep(service, path))),
          )
        : logEntries.case === 'tcpLogs'
          ? logEntries.value.logEntry.map((entry) => readTcp(log, entry, [domain]))
          : [];
    return calls.filter((call) => call !== undefined);
  });
}

it('HTTP: would-deny by caller, method and policy; nobody is refused', async () => {
  const proxy = await start('api', await startHttp1Echo());
  const port = await proxy.envoy.port('inbound');
  const tls = await ca.issue({ uri: idOf('web') });
  const web = await eventually('the proxy has its certificate', async () =>
    httpCall({ port, tls }).catch(() => undefined),
  );
  expect(web.status).toBe(200);
  expect((await httpCall({ port, path: '/x?secret=1' })).status).toBe(200);
  expect((await httpCall({ port, path: '/admin/7', method: 'DELETE', tls })).status).toBe(200);
  const calls = await eventually('all calls are logged', () => {
    const found = recorded(proxy);
    return found.length >= 3 ? found : undefined;
  });
  const plaintext = calls.find(({ caller }) => caller === 'plaintext');
  expect(plaintext).toMatchObject({ peer: '127.0.0.1', method: 'GET', decision: 'allowed' });
  // No shadow rule allowed it.
  expect(plaintext?.shadow).toEqual({ decision: 'denied' });
  expect(calls.find(({ method }) => method === 'DELETE')).toMatchObject({
    principal: idOf('web'),
    path: { kind: 'shape', matched: ['^/admin'] },
    shadow: { decision: 'denied', policy: 'cell-1/no-admin/0' },
  });
  expect(calls.find(({ caller, method }) => caller === 'mtls' && method === 'GET')?.shadow).toBeUndefined();
  expect(JSON.stringify(calls)).not.toContain('secret');
});

it('TCP: would-deny by caller and policy', async () => {
  const proxy = await start('db', await startTcpEcho());
  const port = await proxy.envoy.port('inbound');
  const ping = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', reject).on('connect', () => socket.write('ping'));
      socket.on('data', (chunk) => {
        socket.destroy();
        resolve(chunk.toString());
      });
    });
  const echoed = await eventually('it listens', () => ping().catch(() => undefined));
  expect(echoed).toBe('ping');
  const [call] = await eventually('the connection is logged', () => {
    const found = recorded(proxy);
    return found.length > 0 ? found : undefined;
  });
  expect(call).toMatchObject({
    caller: 'plaintext',
    decision: 'allowed',
    shadow: { decision: 'denied', policy: 'cell-1/db-no-anonymous/0' },
  });
});
