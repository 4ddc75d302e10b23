// No path template that a document may hold is a regular expression too long for Envoy: not the longest, and none of those on
// either side of the size from which Envoy has to be told that it may be long.
import { expect, test, vi } from 'vitest';
import { startHttp1Echo } from '../support/echo-application.ts';
import { httpCall } from '../support/http-call.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';
import { startTranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from './mesh-text.ts';

const templates: readonly (readonly [string, string])[] = [
  ['1024 characters', '/abcdefghij/{id}'.repeat(64)],
  ['three segments', '/{id}/{id}/{id}'],
  ['three segments and a word', '/{id}/{id}/{id}/abc'],
  ['the longest literal without being told', `/${'a'.repeat(53)}/{id}`],
];
const denied: readonly (readonly [string, string])[] = [
  ...templates,
  ['short enough without being told', '/b'],
  ['the most segments', '/{a}'.repeat(256)],
  ['the most characters that may be escaped', `/${'+'.repeat(1018)}/{a}`],
];

test.each([
  ...templates.map(([name, template]) => ['allow', name, template] as const),
  ...denied.map(([name, template]) => ['deny', name, template] as const),
])('%s: %s', async (action, _name, template) => {
  const ca = await createTestCa();
  const application = await startHttp1Echo();
  const mesh = meshOf(
    meshDocument('permissive') +
      serviceDocument('api', 'cell-1', '{protocol: http1}') +
      policyDocument(
        'api',
        'cell-1',
        `{target: {service: api}, action: ${action}, rules: [{from: [{everyone: true}], to: [{path: {template: "${template}"}}]}]}`,
      ) +
      (action === 'allow'
        ? ''
        : policyDocument(
            'others',
            'cell-1',
            '{target: {service: api}, action: allow, rules: [{from: [{everyone: true}], to: [{path: {prefix: /}}]}]}',
          )),
  );
  const [service] = mesh.services.values();
  if (service === undefined) throw new Error('no service');
  const proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
    {
      spiffeId: service.spiffeId,
      service: service.key,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await ca.issue({ uri: idOf('api', 'cell-1') }),
  );
  try {
    const port = await proxy.envoy.port('inbound');
    const status = async (path: string): Promise<number> => (await httpCall({ port, path })).status;
    const path = template.replace(/\{\w+\}/g, '7');
    const [named, other] = action === 'allow' ? [200, 403] : [403, 200];
    await vi.waitFor(async () => expect(await status(`${path}/8`)).toBe(other), { timeout: 10_000 });
    expect(await status(path)).toBe(named);
    expect(proxy.ads.nacks).toEqual([]);
  } finally {
    await proxy.stop();
    await application.stop();
  }
});
