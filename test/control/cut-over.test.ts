import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { createCutOver } from '../../src/cutover/cut-over.ts';
import { createProbeApplication } from '../../src/cutover/probe-application.ts';
import type { ServiceCoverage } from '../../src/observe/coverage.ts';
import { createTraffic } from '../../src/observe/traffic.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { meshOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';

const mesh = (mode: string, dependsOn = ', dependsOn: [{service: api, listen: 9000}]'): MeshIr =>
  meshOf(
    yaml(meshText(), serviceText('api', 'http1', `, mtls: {mode: ${mode}}`), serviceText('web', 'http1', dependsOn)),
  );
const hour = 3_600_000;

async function reasons(given: {
  readonly coverage?: ServiceCoverage;
  readonly types?: ProxyStatus['types'];
  readonly state?: ProxyStatus['state'];
  readonly answers?: boolean;
  readonly before?: MeshIr;
  readonly silent?: readonly string[];
}) {
  const clock = createFakeClock();
  const proxy = (service: string): ProxyStatus => ({
    node: `spiffe://td1/service/${service}~a`,
    spiffeId: `spiffe://td1/service/${service}` as ProxyStatus['spiffeId'],
    service: service as NonNullable<ProxyStatus['service']>,
    state: given.state ?? 'connected',
    since: 0,
    inbound: { address: '10.0.0.5', port: 8443 },
    ready: true,
    types:
      given.types ??
      ['Listener', 'Cluster'].map((name) => ({ typeUrl: `x.${name}`, sentRevision: 2, ackedRevision: 2 })),
  });
  const cutOver = createCutOver({
    traffic: createTraffic({ clock }),
    coverage: { of: () => given.coverage ?? { since: 0, gaps: [], gone: [], ports: [] } },
    proxies: () => [proxy('api'), proxy('web')],
    probe: async () => (given.answers ? { address: '10.0.0.5', port: 80 } : undefined),
    refresh: async () => given.silent ?? [],
    clock,
  });
  const found = await cutOver.judge(given.before ?? mesh('permissive'), mesh('strict'), hour);
  return found.map(({ kind, who, why }) => `${kind} ${who}: ${why}`);
}

it('has nothing against it when all is known and accepted', async () => {
  expect(await reasons({})).toEqual([]);
});

it('names another control plane that does not tell what it heard lately', async () => {
  expect(await reasons({ silent: ['host-2'] })).toEqual([
    'record host-2: this control plane does not tell what it heard lately',
  ]);
});

it('names gaps of the record, and a record that begins later', async () => {
  const now = createFakeClock().now();
  const node = 'spiffe://td1/service/api~a';
  expect(
    await reasons({
      coverage: {
        since: now,
        gaps: [
          { node, from: 1 },
          { node, from: 1, to: now },
          { node, from: 0, to: now, missing: { what: 'requests', counted: 120, told: 100 } },
        ],
        gone: [],
        ports: [
          { name: 'rest', since: now + 1 },
          { name: 'grpc', since: now },
        ],
      },
    }),
  ).toEqual([
    'record api: its calls are recorded only since this time',
    'record api: the calls of this port are recorded only since this time',
    `record ${node}: not connected: what it sees is not known since`,
    `record ${node}: was not connected: what it saw is not known until`,
    `record ${node}: counted 120 requests from 1970-01-01T00:00:00Z to 2026-01-01T00:00:00Z, its log told 100`,
  ]);
});

it('waits for the client half of every declared caller', async () => {
  const web = 'client-half spiffe://td1/service/web~a';
  expect(await reasons({ types: [] })).toEqual([`${web}: a declared caller that has not accepted its listeners yet`]);
  expect(await reasons({ state: 'held' })).toEqual([
    `${web}: a declared caller, not connected: what it has is not known`,
  ]);
  expect(await reasons({ before: mesh('permissive', '') })).toEqual([
    'client-half web: begins to depend on it in the same change: apply that first, then make it strict',
  ]);
});

it('finds an application that answers beside its sidecar', async () => {
  expect(await reasons({ answers: true })).toEqual([
    'application 10.0.0.5:80: the application answers beside its sidecar (spiffe://td1/service/api~a)',
  ]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy = { inbound: { address: '127.0.0.1', port: 1 }, application: { address: '127.0.0.1', port } };
  expect(await createProbeApplication(() => ['127.0.0.1'])(proxy)).toEqual({ address: '127.0.0.1', port });
  expect(await createProbeApplication(() => [])(proxy)).toBeUndefined();
  await new Promise((resolve) => server.close(resolve));
});
