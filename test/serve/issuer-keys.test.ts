// Keys of an issuer that the mesh names by an address: from its server to a proxy, and kept while the server is away.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { expect, it, onTestFinished } from 'vitest';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { createMiniProxy } from '../support/mini-proxy.ts';
import { createTokenKey } from '../support/mint-token.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { startServe } from '../support/serve-harness.ts';
import { createTestCa } from '../support/test-ca.ts';

const modulus = (jwk: string): string => {
  const { n }: { readonly n: string } = JSON.parse(jwk);
  return n;
};

it('reach the proxies whose rules ask for them; without any, the filter verifies nothing', async () => {
  const ca = await createTestCa('issuer');
  const first = createTokenKey().jwk;
  const { certificate, key } = await ca.issue({ dns: ['localhost'] });
  let body: string | undefined;
  const server = createServer({ cert: certificate, key }, (_, response) => {
    response.writeHead(body === undefined ? 503 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const url = `https://localhost:${typeof address === 'object' ? address?.port : ''}/keys`;
  const issuer = `{name: gitlab, issuer: "https://g.test", jwksUri: "${url}", jwksCa: ${JSON.stringify(ca.root)}}`;
  const serve = await startServe(
    yaml(
      meshText('strict', `, jwtIssuers: [${issuer}]`),
      serviceText('api'),
      serviceText('web'),
      policyText('p', 'api', 'allow', '[{from: [{service: web, jwt: {issuer: gitlab, audience: api}}]}]'),
    ),
  );
  onTestFinished(() => serve.stop());
  const id = 'spiffe://td1/service/api';
  const svid = await serve.enrol(id);
  const filter = `${typeUrls.extension} api/jwt-authn`;
  const proxy = createMiniProxy({
    node: `${id}~a`,
    svid: {
      certificate: readFileSync(svid.chain, 'utf8'),
      key: readFileSync(svid.key, 'utf8'),
      root: readFileSync(svid.bundle, 'utf8'),
    },
    cellwall: { inbound: '127.0.0.1:8443', application: '127.0.0.1:80' },
  });
  onTestFinished(() => proxy.close());
  proxy.subscribe(typeUrls.extension, ['api/jwt-authn']);
  proxy.connect(serve.xdsPort);
  const now = (): string | undefined => proxy.has.get(filter)?.bytes.toString('latin1');
  expect(await eventually('the filter comes', now)).not.toContain('g.test');
  body = `{"keys": [${first}]}`;
  await serve.restart();
  proxy.connect(serve.xdsPort);
  await eventually('the key is there', () => now()?.includes(modulus(first)) || undefined);
  expect(now()).toContain('https://g.test');
  // It is away when the control plane starts: the last good ones were kept.
  body = undefined;
  await serve.restart();
  expect((await serve.admin.status()).issuerKeys).toMatchObject([{ issuer: 'gitlab', keys: 1 }]);
  const more = policyText('q', 'api', 'allow', '[{from: [{service: web, jwt: {issuer: gitlab, audience: more}}]}]');
  await serve.apply(yaml(more));
  proxy.connect(serve.xdsPort);
  await eventually('a change comes', () => now()?.includes('more') || undefined);
  expect(now()).toContain(modulus(first));
});
