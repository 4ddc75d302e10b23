// What a refused caller is told by a real Envoy, and that it leads an operator to the rule.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { answerExplainRequest } from '../../src/admin/answer-explain-request.ts';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { httpCall } from '../../src/observe/access-log.ts';
import { createRefusals } from '../../src/observe/refusals.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { filterPolicy } from '../../src/policy/own-policies.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { rawExchange } from '../support/raw-http1.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';

const key = 'files' as ServiceKey;
const who = 'from: [{anonymous: true}]';
const mesh: MeshIr = meshOf(
  yaml(
    meshText('permissive'),
    serviceText('files'),
    policyText('open', 'files', 'allow', `[{${who}, to: [{path: {prefix: /public}}]}]`),
    policyText('secret-policy', 'files', 'deny', `[{${who}, to: [{path: {prefix: /public/secret}}]}]`),
  ),
);
let application: EchoApplication;
let proxy: TranslatedProxy;
let url: string;

beforeAll(async () => {
  application = await startHttp1Echo();
  const ca = await createTestCa();
  const spiffeId = mesh.services.get(key)?.spiffeId;
  if (spiffeId === undefined) throw new Error('no service');
  proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
    {
      spiffeId,
      service: key,
      ports: [
        {
          name: 'default',
          inbound: { address: '127.0.0.1', port: 0 },
          application: { address: '127.0.0.1', port: application.port },
        },
      ],
    },
    await ca.issue({ uri: spiffeId }),
  );
  url = `http://127.0.0.1:${await proxy.envoy.port('inbound')}`;
  await vi.waitFor(async () => expect((await fetch(`${url}/public`)).status).toBe(200), { timeout: 10_000 });
});
afterAll(async () => {
  await proxy.stop();
  await application.stop();
});

test('a neutral reason and a request id, which the log has with the rule', async () => {
  const refused = await fetch(`${url}/public/secret?token=x`);
  const id = refused.headers.get('x-request-id') ?? '';
  const body = await refused.text();
  expect([refused.status, body]).toEqual([403, `access denied; request id ${id}`]);
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(JSON.stringify([...refused.headers]) + body).not.toContain('secret-policy');

  const refusals = createRefusals({ clock: createFakeClock() });
  const entry = await vi.waitFor(
    () => {
      const found = proxy.ads.logs
        .flatMap(({ message: { logEntries } }) => (logEntries.case === 'httpLogs' ? logEntries.value.logEntry : []))
        .find(({ response }) => response?.responseHeaders['x-request-id'] === id);
      expect(found).toBeDefined();
      return found;
    },
    { timeout: 5000 },
  );
  if (entry === undefined) return;
  const call = httpCall({ service: key, chain: 'plain' }, entry, ['td1' as TrustDomain], () => undefined);
  expect(call).toMatchObject({ decision: 'denied', policy: 'secret-policy/0', caller: 'plaintext', method: 'GET' });
  refusals.record({
    kind: 'denied',
    requestId: id,
    service: key,
    node: 'n',
    caller: 'plaintext',
    policy: 'secret-policy/0',
    path: '/public/secret',
  });
  expect(answerExplainRequest(mesh, refusals.find(id), id)).toMatchObject({
    decision: 'denied',
    rule: 'secret-policy/0',
    source: { line: expect.any(Number) },
    recorded: [{ requestId: id, policy: 'secret-policy/0', path: '/public/secret' }],
  });
});

test('a refusal by a guard is told for what it is', () => {
  const refusals = createRefusals({ clock: createFakeClock() });
  const refused = {
    kind: 'denied',
    service: key,
    node: 'n',
    caller: 'plaintext',
    method: 'GET',
    path: '/public',
  } as const;
  refusals.record({ ...refused, requestId: 'a', policy: 'cellwall/guard/overrides' });
  expect(answerExplainRequest(mesh, refusals.find('a'), 'a').notes.join()).toContain('X-HTTP-Method-Override');
  refusals.record({ ...refused, requestId: 'b', policy: filterPolicy('quota') });
  const { notes } = answerExplainRequest(mesh, refusals.find('b'), 'b');
  expect(notes).toContain('the proxy\'s filter "quota" refused the call; no rule decided it');
});

test('a WebSocket that the service does not take is a refusal, and told for what it is', async () => {
  const id = 'cable-1';
  const lines = [
    'Host: a',
    `X-Request-Id: ${id}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
  ];
  const answer = await rawExchange(Number(new URL(url).port), `GET /public HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  expect([answer.status, answer.body]).toEqual([
    403,
    expect.stringMatching(/^access denied; request id [0-9a-f-]{36}$/),
  ]);
  const call = await vi.waitFor(
    () => {
      const found = proxy.ads.logs
        .flatMap(({ message: { logEntries } }) => (logEntries.case === 'httpLogs' ? logEntries.value.logEntry : []))
        .find(({ request }) => request?.requestId === id);
      if (found === undefined) throw new Error('not logged yet');
      return httpCall({ service: key, chain: 'plain' }, found, ['td1' as TrustDomain], () => undefined);
    },
    { timeout: 5000 },
  );
  expect(call).toMatchObject({ decision: 'denied', policy: 'cellwall/guard/upgrade', caller: 'plaintext' });
  const refusals = createRefusals({ clock: createFakeClock() });
  const refused = {
    kind: 'denied',
    service: key,
    node: 'n',
    caller: 'plaintext',
    method: 'GET',
    path: '/public',
  } as const;
  refusals.record({ ...refused, requestId: id, policy: 'cellwall/guard/upgrade' });
  expect(answerExplainRequest(mesh, refusals.find(id), id).notes.join()).toContain('upgrades: [websocket]');
});

test("a gRPC caller reads the proxy's id in the message, whatever its own was", async () => {
  const headers = { 'x-request-id': 'mine-1', 'content-type': 'application/grpc' };
  const refused = await fetch(`${url}/pkg.S/M`, { method: 'POST', headers, body: 'x' });
  expect(refused.headers.get('grpc-status')).toBe('7');
  const id = refused.headers.get('x-request-id') ?? '';
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(refused.headers.get('grpc-message')).toBe(`access denied; request id ${id}`);
});

test('a refused form of a path has its number, too; an answer of the application is left alone', async () => {
  const malformed = await fetch(`${url}/public%2fx`);
  expect([malformed.status, malformed.headers.get('x-request-id')?.length]).toEqual([400, 36]);
  const allowed = await fetch(`${url}/public`);
  expect([allowed.status, allowed.headers.get('x-request-id')]).toEqual([200, null]);
  const guarded = await fetch(`${url}/public/%2e%2e;x`);
  expect([guarded.status, guarded.headers.get('x-request-id')?.length]).toEqual([403, 36]);
});
