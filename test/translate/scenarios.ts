// The scenarios of the golden files: documents as a user writes them, and the proxy that is looked at.
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { EndpointIr, MeshIr, PortKey, ServiceKey } from '../../src/policy/ir.ts';
import type { Bundles, LiveEndpoints, ProxyShape } from '../../src/translate/proxy.ts';
import { descriptorSet } from '../support/descriptor-set.ts';
import { meshOf } from '../support/resolve-text.ts';
import { meshDocument, policyDocument, serviceDocument } from './mesh-text.ts';

export interface Scenario {
  readonly mesh: MeshIr;
  readonly endpoints: LiveEndpoints;
  readonly shape: ProxyShape;
}

const service = serviceDocument;
const policy = policyDocument;

/** Stand-ins, so that a golden file is the same every time. */
export const goldenBundles: Bundles = {
  roots: '-----BEGIN CERTIFICATE-----\nroot of the mesh\n-----END CERTIFICATE-----\n',
  legacyAnchors: new Map([['old', '-----BEGIN CERTIFICATE-----\nanchor\n-----END CERTIFICATE-----\n']]),
};

export function scenariosWith(legacyCa: string): Readonly<Record<string, Scenario>> {
  return {
    'strict-http1-with-health-path': scenario(
      'cell-1/api',
      meshDocument('strict') +
        service('api', 'cell-1', '{protocol: http1, health: {path: /healthz}}') +
        service('web', 'cell-1', '{protocol: http1}') +
        policy('api', 'cell-1', '{target: {service: api}, action: allow, rules: [{from: [{service: web}]}]}'),
    ),
    'permissive-with-legacy-authority': scenario(
      'cell-1/api',
      meshDocument('permissive', legacyCa) +
        service(
          'api',
          'cell-1',
          '{protocol: http2, mtls: {mode: permissive, legacyAuthority: old}, paths: {escapedSlashes: keep}}',
        ),
    ),
    'without-identity-headers': scenario(
      'cell-1/api',
      meshDocument('strict') +
        service('api', 'cell-1', '{protocol: http1, identityHeaders: {xfcc: false, peerId: false}}'),
    ),
    'every-matcher': scenario(
      'cell-1/api',
      meshDocument('permissive') +
        service('api', 'cell-1', '{protocol: http2, health: {path: /healthz}}') +
        policy(
          'allow',
          'cell-1',
          `
  target: {service: api}
  action: allow
  rules:
  - from: [{spiffeId: spiffe://td1.test/edge/router}, {cell: same}, {trustDomain: td1.test}, {anonymous: true}]
    to: [{methods: [GET, HEAD], path: {prefix: /api}}, {path: {template: "/projects/{id}/jobs.json"}}, {path: {exact: /x}}]
  - from: [{everyone: true}]
    to: [{grpc: pkg.Service/Method}, {grpc: pkg.Other/*}]`,
        ) +
        policy(
          'deny',
          'cell-1',
          '{target: {service: api}, action: deny, rules: [{from: [{everyone: true}], to: [{path: {prefix: /admin}}]}]}',
        ) +
        policy(
          'later',
          'cell-1',
          '{target: {service: api}, action: deny, mode: shadow, rules: [{from: [{anonymous: true}]}]}',
        ) +
        policy(
          'maybe',
          'cell-1',
          '{target: {service: api}, action: allow, mode: shadow, rules: [{from: [{cell: cell-2}]}]}',
        ),
    ),
    'matching-cell': scenario(
      'cell-1/api',
      meshDocument('strict') +
        service(
          'api',
          'cell-1',
          `{protocol: grpc, grpc: {descriptorSet: "${Buffer.from(
            descriptorSet('pkg.Claims', [
              { name: 'Begin', fields: [{ name: 'cell_id', number: 3 }] },
              { name: 'Commit', fields: [{ name: 'cell_id', number: 1 }] },
            ]),
          ).toString('base64')}"}}`,
        ) +
        service('gitlab', 'cell-1', '{protocol: http1}') +
        service('gitlab', 'cell-2', '{protocol: http1}') +
        policy(
          'claims',
          'cell-1',
          `
  target: {service: api}
  action: allow
  rules:
  - from: [{eachCell: gitlab}]
    to: [{grpc: pkg.Claims/Begin, matchingCell: {field: cell_id}}, {grpc: pkg.Claims/Commit, matchingCell: {}}, {grpc: pkg.Claims/Get}]
  - from: [{authenticated: true}]
    to: [{grpc: pkg.Claims/Begin, matchingCell: {field: cell_id}}]`,
        ),
    ),
    'tcp-strict': scenario(
      'cell-1/db',
      meshDocument('strict') +
        service('db', 'cell-1', '{protocol: tcp}') +
        service('web', 'cell-1', '{protocol: http1}') +
        policy('db', 'cell-1', '{target: {service: db}, action: allow, rules: [{from: [{service: web}]}]}'),
    ),
    'tcp-permissive-without-policy': scenario(
      'cell-1/db',
      meshDocument('permissive') + service('db', 'cell-1', '{protocol: tcp}'),
    ),
    dependencies: scenario(
      'cell-1/web',
      meshDocument('strict') +
        service(
          'web',
          'cell-1',
          `
  protocol: http1
  dependsOn:
  - {service: api, listen: 15001}
  - {service: db, listen: 15002}
  - {service: cell-2/far, listen: 15003}
  - {service: cell-2/named, listen: 15004}`,
        ) +
        service(
          'api',
          'cell-1',
          `
  protocol: grpc
  health: {path: /healthz}
  healthCheck: {interval: 2s}
  outlierDetection: {consecutiveFailures: 3}
  timeouts: {connect: 250ms, request: 30s, idle: 10m}
  retries: {attempts: 2, perTryTimeout: 5s}
  connectionAge: 10m`,
        ) +
        service('db', 'cell-1', '{protocol: tcp, locality: {sameCellFirst: false}, healthCheck: {}}') +
        service(
          'far',
          'cell-2',
          '{protocol: http1, retries: {attempts: 0}, endpoints: {static: [{address: 10.2.0.1, port: 443, cell: cell-2}]}}',
        ) +
        service('named', 'cell-2', '{protocol: http2, endpoints: {dns: {name: named.example.com, port: 443}}}'),
      [
        [
          'cell-1/api',
          [
            { address: '10.10.0.1', port: 15000, cell: 'cell-10' },
            { address: '10.2.0.1', port: 15000, cell: 'cell-2' },
            { address: '10.1.0.2', port: 15000, cell: 'cell-1' },
            { address: '10.1.0.1', port: 15000, cell: 'cell-1' },
          ],
        ],
      ],
    ),
  };
}

function scenario(
  key: string,
  text: string,
  live: readonly (readonly [string, readonly EndpointIr[]])[] = [],
): Scenario {
  const mesh = meshOf(text);
  const proxied = mesh.services.get(key as ServiceKey);
  const spiffeId = parseSpiffeId(proxied?.spiffeId ?? '');
  if (proxied === undefined || spiffeId === undefined) throw new Error(`no service ${key}`);
  return {
    mesh,
    endpoints: new Map(live.map(([name, endpoints]) => [name as PortKey, endpoints])),
    shape: {
      spiffeId,
      service: proxied.key,
      ports: [
        {
          name: 'default',
          inbound: { address: '0.0.0.0', port: 15_000 },
          application: { address: '127.0.0.1', port: 8080 },
        },
      ],
    },
  };
}
