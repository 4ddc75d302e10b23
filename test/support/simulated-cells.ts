// Two cells with services in every state that the page has a look for: what an admin API is told of proxies, traffic and roots.
import type { AdminDeps } from '../../src/admin/deps.ts';
import type { TrafficCount } from '../../src/admin/wire.ts';
import type { IssuedCertificate } from '../../src/admin/wire-certificates.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { cellText, meshText, policyText, serviceText, yaml } from './resolve-text.ts';

const [minute, day] = [60_000, 86_400_000];
const on = (...names: readonly string[]): string =>
  `, dependsOn: [${names.map((name, at) => `{service: ${name}, listen: ${9001 + at}}`).join(', ')}]`;
const callers = (name: string, ...from: readonly string[]): string =>
  policyText(name, name, 'allow', `[{from: [${from.map((one) => `{service: ${one}}`).join(', ')}]}]`);

const cells = ['cell-1', 'cell-2'];
export const simulatedDocuments = yaml(
  meshText(),
  ...cells.map((name, at) => cellText(name, at + 1)),
  serviceText('router', 'http1', on('cell-1/gitlab', 'cell-2/gitlab')),
  serviceText('topology', 'grpc'),
  ...cells.flatMap((cell) => [
    serviceText(`${cell}/gitlab`, 'http1', on(`${cell}/gitaly`, `${cell}/postgres`, 'topology', `${cell}/registry`)),
    serviceText(`${cell}/gitaly`, 'grpc'),
    serviceText(`${cell}/postgres`, 'tcp', ', mtls: {mode: permissive}'),
    serviceText(`${cell}/registry`, 'http1', on(`${cell}/object-storage`)),
    serviceText(`${cell}/object-storage`),
    callers(`${cell}/gitaly`, `${cell}/gitlab`),
    callers(`${cell}/postgres`, `${cell}/gitlab`),
    callers(`${cell}/gitlab`, 'router'),
  ]),
  callers('topology', ...cells.map((cell) => `${cell}/gitlab`)),
);

const idOf = (key: string): string => {
  const [cell, name] = key.split('/');
  return name === undefined ? `spiffe://td1/service/${cell}` : `spiffe://td1/cell/${cell}/service/${name}`;
};

function proxy(key: string, host: string, more: Partial<ProxyStatus> = {}): ProxyStatus {
  const spiffeId = parseSpiffeId(idOf(key));
  if (spiffeId === undefined) throw new Error(key);
  return {
    ...{ node: `${spiffeId}~${host}`, spiffeId, service: key as ServiceKey, state: 'connected', ready: true },
    ...{ since: Date.now() - 3 * day, inbound: { address: '10.0.0.7', port: 8443 } },
    types: ['Listener', 'Cluster', 'Secret'].map((kind) => ({
      ...{ typeUrl: `type.googleapis.com/envoy.${kind}`, sentRevision: 1, ackedRevision: 1 },
    })),
    certificate: { serial: `${key}${host}`, notAfter: Date.now() + 40 * minute },
    applicationState: { answers: true, around: [] },
    ...more,
  };
}

function call(from: string, to: string, more: Partial<TrafficCount> = {}): TrafficCount {
  return {
    ...{ service: to, caller: 'mtls', principal: idOf(from), decision: 'allowed', count: 48_211 },
    ...{ lastSeen: Date.now() - 2000, ...more },
  };
}

const keys = [
  'router',
  'topology',
  ...cells.flatMap((cell) => ['gitlab', 'gitaly', 'registry'].map((name) => `${cell}/${name}`)),
];
const rejected: ProxyStatus['types'] = [
  {
    ...{ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster', sentRevision: 1, ackedRevision: 0 },
    nack: { revision: 1, message: 'table size is not a prime: 1000', resources: [] },
  },
];

/** Of now, whenever it is asked. */
export const simulatedCells: Partial<AdminDeps> = {
  clock: systemClock,
  proxies: () => [
    ...keys.flatMap((key) => ['a1', 'b2'].map((host) => proxy(key, host))),
    proxy('cell-1/postgres', 'a1', { applicationState: { answers: true, around: ['10.0.0.7:5432'] } }),
    proxy('cell-2/postgres', 'a1', { applicationState: { answers: false, why: 'ECONNREFUSED', around: [] } }),
    proxy('cell-1/object-storage', 'a1', { types: rejected, ready: false }),
    proxy('cell-2/object-storage', 'a1', { state: 'gone', since: Date.now() - 9 * minute }),
  ],
  traffic: () => [
    ...cells.flatMap((cell) => [
      call('router', `${cell}/gitlab`),
      call(`${cell}/gitlab`, `${cell}/gitaly`),
      call(`${cell}/gitlab`, 'topology', { lastSeen: Date.now() - day }),
    ]),
    call('cell-1/gitlab', 'cell-1/postgres', { caller: 'plaintext', peer: '10.0.0.9', count: 12 }),
    call('cell-1/gitlab', 'cell-1/registry', { decision: 'denied', count: 7 }),
    call('cell-2/gitlab', 'cell-2/postgres', { decision: 'failed', count: 311 }),
  ],
  handshakes: () => [
    {
      ...{ service: 'cell-1/gitaly', address: '10.0.0.42', why: 'its certificate has expired', caller: true },
      ...{ count: 31, lastSeen: Date.now() - minute },
    },
  ],
  certificates: () =>
    keys.map(
      (key, at): IssuedCertificate => ({
        ...{ purpose: 'svid-fetched', serial: `${at}a7f7d96a7d234e6e4aeb2c3fa8876`, spiffeId: idOf(key) },
        ...{
          notBefore: Date.now() - 20 * minute,
          notAfter: Date.now() + (at + 1) * 4 * minute,
          node: `${idOf(key)}~a1`,
        },
      }),
    ),
  ca: () => {
    const year = 365 * day;
    const roots = [
      {
        name: 'gpRkoytK5-h2',
        state: 'retiring' as const,
        notBefore: Date.now() - 9 * year,
        notAfter: Date.now() + year,
      },
      { name: 'Zq81mvnYw_3b', state: 'active' as const, notBefore: Date.now() - day, notAfter: Date.now() + 10 * year },
    ];
    const holdUps = [
      {
        kind: 'helper' as const,
        who: idOf('cell-1/gitaly'),
        why: 'has not fetched the new bundle',
        since: Date.now() - minute,
      },
    ];
    const status = () => ({
      ...{ roots, intermediate: { root: 'Zq81mvnYw_3b', notAfter: Date.now() + 90 * day } },
      rotation: {
        ...{ id: 'r1', phase: 'renew' as const, startedAt: Date.now() - 9 * minute, since: Date.now() - 4 * minute },
        ...{ by: 'ann', reason: 'every year', quietMs: 600_000, held: holdUps.length, holdUps },
      },
    });
    return { status, rotate: async () => status(), abort: async () => status() };
  },
};
