// A break-glass identity at a real Envoy: past a deny rule, and in the log by that name although an allow rule matches as well.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { httpCall as readCall } from '../../src/observe/access-log.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { breakGlassPolicy } from '../../src/policy/own-policies.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { httpCall } from '../support/http-call.ts';
import { meshOf, meshText, policyText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';

const key = 'api' as ServiceKey;
const mesh = meshOf(
  yaml(
    meshText('strict', ', breakGlass: ["spiffe://td1/person/oncall"]'),
    workloadText('oncall', '{identity: {spiffeId: "spiffe://td1/person/oncall"}}'),
    workloadText('other', '{identity: {spiffeId: "spiffe://td1/person/other"}}'),
    serviceText('api'),
    policyText('a', 'api', 'allow', '[{from: [{authenticated: true}]}]'),
    policyText('closed', 'api', 'deny', '[{from: [{prefix: "spiffe://td1/person/"}]}]'),
  ),
);
let ca: TestCa;
let application: EchoApplication;
let proxy: TranslatedProxy;
let port: number;

beforeAll(async () => {
  ca = await createTestCa();
  application = await startHttp1Echo();
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
  port = await proxy.envoy.port('inbound');
});
afterAll(async () => {
  await proxy.stop();
  await application.stop();
});

test('passes where its neighbour is denied, and is logged', async () => {
  const call = async (id: string): Promise<number> =>
    (await httpCall({ port, tls: await ca.issue({ uri: `spiffe://td1/person/${id}` }) })).status;
  await vi.waitFor(async () => expect(await call('oncall')).toBe(200), { timeout: 10_000 });
  expect(await call('other')).toBe(403);
  await vi.waitFor(
    () => {
      const policies = proxy.ads.logs
        .flatMap(({ message: { logEntries } }) => (logEntries.case === 'httpLogs' ? logEntries.value.logEntry : []))
        .map((entry) => readCall({ service: key, chain: 'mtls' }, entry, ['td1' as TrustDomain], () => undefined))
        .map((seen) => `${seen?.principal} ${seen?.decision} ${seen?.policy}`);
      expect(policies).toContain(`spiffe://td1/person/oncall allowed ${breakGlassPolicy}`);
      expect(policies).toContain('spiffe://td1/person/other denied closed/0');
    },
    { timeout: 5000 },
  );
});
