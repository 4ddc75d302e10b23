// The name of a method is case-sensitive (RFC 9110 §9.1), and not every server heeds that: HTTP/2 carries "delete" to an application that
// may take it for DELETE. A deny of methods holds in every case of letters; an allow stays as narrow as it is written.
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide } from '../../../src/policy/decide/decide.ts';
import type { MeshIr, ServiceKey } from '../../../src/policy/ir.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';

const api = 'api' as ServiceKey;
const who = 'from: [{anonymous: true}]';
const application = createServer((request, response) => {
  seen.push(request.method ?? '');
  response.end('done');
});
const seen: string[] = [];
let mesh: MeshIr;
let proxy: TranslatedProxy;
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  mesh = meshOf(
    yaml(
      meshText('permissive'),
      serviceText('api', 'http2'),
      policyText(
        'allow',
        'api',
        'allow',
        `[{${who}, to: [{path: {prefix: /open}}, {methods: [PUT], path: {prefix: /put}}]}]`,
      ),
      policyText('deny', 'api', 'deny', `[{${who}, to: [{methods: [DELETE], path: {prefix: /open}}]}]`),
    ),
  );
  const service = mesh.services.get(api);
  if (service === undefined) throw new Error('no service');
  const ca = await createTestCa();
  const applicationPort = (application.address() as AddressInfo).port;
  proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
    {
      spiffeId: service.spiffeId,
      service: api,
      ports: [
        {
          name: 'default',
          inbound: { address: '127.0.0.1', port: 0 },
          application: { address: '127.0.0.1', port: applicationPort },
        },
      ],
    },
    await ca.issue({ uri: service.spiffeId }),
  );
  port = await proxy.envoy.port('inbound');
}, 30_000);
afterAll(async () => {
  await proxy?.stop();
  application.close();
});

function ask(method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const request = session.request({ ':method': method, ':path': path });
    request.on('response', (headers) => {
      resolve(Number(headers[':status']));
      session.close();
    });
    request.on('error', reject);
    request.end();
  });
}

const cases = fc
  .array(fc.boolean(), { minLength: 6, maxLength: 6 })
  .map((upper) => [...'delete'].map((letter, index) => (upper[index] ? letter.toUpperCase() : letter)).join(''));

test('a denied method is denied in every case of letters, and explain says so', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.constantFrom('DELETE', 'delete', 'Delete'), cases), async (method) => {
      expect(await ask(method, '/open')).toBe(403);
      const decision = decide(mesh, {
        target: api,
        caller: { kind: 'anonymous', via: 'plaintext' },
        method,
        path: '/open',
      });
      expect(decision.outcome).toBe('denied');
    }),
    { numRuns: 20 },
  );
});

test('an allowed method is allowed as it is written, and in no other case', async () => {
  expect(await ask('put', '/put')).toBe(403);
  expect(await ask('PUT', '/put')).not.toBe(403);
  expect(await ask('GET', '/open')).not.toBe(403);
});
