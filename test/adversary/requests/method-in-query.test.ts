// A method in the query (`POST /x?_method=DELETE`) is what many frameworks carry out, and a rule of methods saw another. Where rules
// name methods such a query is refused, however its name is escaped; elsewhere it is the application's own. The control is the same
// request to the same framework's reading, without the wall.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide } from '../../../src/policy/decide/decide.ts';
import type { MeshIr, ServiceKey } from '../../../src/policy/ir.ts';
import { figure } from '../../support/figure.ts';
import { httpCall } from '../../support/http-call.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';

const api = 'api' as ServiceKey;

/** As PHP and ASP.NET read names: decoded, blanks before them dropped, some signs an underscore, cut at an array's bracket. */
function meant(method: string, target: string): string {
  const query = target.slice(target.indexOf('?') + 1);
  for (const pair of target.includes('?') ? query.split(/[&;]/) : []) {
    const [name = '', value = ''] = pair.split('=', 2);
    const decoded = unescaped(name.replaceAll('+', ' ')).trimStart().replaceAll(/[ .]/g, '_').toLowerCase();
    if (['_method', '[method', 'x-http-method-override'].includes(decoded)) return value.toUpperCase();
  }
  return method;
}

function unescaped(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const carriedOut: string[] = [];
const application = createServer((request, response) => {
  carriedOut.push(meant(request.method ?? '', request.url ?? ''));
  response.end('done');
});
let mesh: MeshIr;
let proxy: TranslatedProxy;
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const who = 'from: [{anonymous: true}]';
  mesh = meshOf(
    yaml(
      meshText('permissive'),
      serviceText('api'),
      policyText('allow', 'api', 'allow', `[{${who}}]`),
      policyText('deny', 'api', 'deny', `[{${who}, to: [{methods: [DELETE]}]}]`),
    ),
  );
  const service = mesh.services.get(api);
  if (service === undefined) throw new Error('no service');
  const ca = await createTestCa();
  proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
    {
      spiffeId: service.spiffeId,
      service: api,
      ports: [
        {
          name: 'default',
          inbound: { address: '127.0.0.1', port: 0 },
          application: { address: '127.0.0.1', port: (application.address() as AddressInfo).port },
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

const asked = (path: string) =>
  decide(mesh, { target: api, caller: { kind: 'anonymous', via: 'plaintext' }, method: 'POST', path }).outcome;

const letter = (char: string): fc.Arbitrary<string> => {
  const code = (one: string): string => `%${one.charCodeAt(0).toString(16)}`;
  return fc.constantFrom(char, char.toUpperCase(), code(char), code(char.toUpperCase()), code(char).toUpperCase());
};
const name = fc
  .constantFrom('_method', '.method', '+method', 'x-http-method-override')
  .chain((text) =>
    fc
      .tuple(...[...text].map((char) => (char === '+' ? fc.constantFrom('_', '.') : letter(char))))
      .map((all) => all.join('')),
  );
const before = fc.constantFrom('', 'a=b&', 'a=b;', 'a&', '+', '%20', 'a=%26&', 'x?');
const spelt = fc
  .tuple(fc.constantFrom('/x', '/x/', '/'), before, name)
  .map(([path, lead, key]) => `${path}?${lead === 'x?' ? 'a=x?&' : lead}${key}=DELETE`);

test('the control: without the wall DELETE is carried out, and a plain DELETE is refused by the wall', async () => {
  carriedOut.length = 0;
  await httpCall({ port: (application.address() as AddressInfo).port, method: 'POST', path: '/x?_method=DELETE' });
  expect(carriedOut).toEqual(['DELETE']);
  expect((await httpCall({ port, method: 'DELETE', path: '/x' })).status).toBe(403);
});

test('no spelling of a method in the query passes, and explain says so', async () => {
  carriedOut.length = 0;
  await fc.assert(
    fc.asyncProperty(spelt, async (path) => {
      expect(meant('POST', path)).toBe('DELETE');
      expect(asked(path)).toBe('denied');
      expect((await httpCall({ port, method: 'POST', path })).status).toBe(403);
    }),
    { numRuns: 150 },
  );
  figure('methodsInQueries', carriedOut.filter((method) => method === 'DELETE').length);
  expect(carriedOut).toEqual([]);
});

test.each([
  '/x?_methods=DELETE',
  '/x?a_method=DELETE',
  '/x?method=DELETE',
  '/_method=DELETE',
  '/x?a=_method',
  '/x?a=b',
])('other queries pass: %s', async (path) => {
  expect(asked(path)).toBe('allowed');
  expect((await httpCall({ port, method: 'POST', path })).status).toBe(200);
});

test('explain and the proxy agree about any query', async () => {
  const part = fc.constantFrom(
    '_',
    'method',
    '_method',
    '%5f',
    '%20',
    '+',
    '.',
    '[',
    '=',
    '&',
    ';',
    '?',
    'x-http-method-override',
    '%',
    'a',
    '/',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
      const path = `/x?${parts.join('')}`;
      const { status } = await httpCall({ port, method: 'POST', path });
      expect(status === 200 ? 'allowed' : 'denied').toBe(asked(path));
    }),
    { numRuns: 150 },
  );
});
