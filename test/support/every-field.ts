// Documents in which every field of every kind is set, and what can go wrong with a field: blank, doubled, cut, of another type, huge, odd.
import { descriptorSet } from './descriptor-set.ts';
import { createTokenKey } from './mint-token.ts';

export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
export type Fields = { readonly [name: string]: Value };

const descriptors = Buffer.from(descriptorSet('pkg.S', [{ name: 'Get', fields: [{ name: 'cell_id', number: 1 }] }]));
const document = (kind: string, name: string, spec: Fields, cell?: string): Fields => ({
  apiVersion: 'cellwall/v1',
  kind,
  metadata: { name, ...(cell === undefined ? {} : { cell }) },
  spec,
});

/** Valid together. `root`: PEM of a CA outside the mesh. */
export function everyField(root: string): readonly Fields[] {
  const target = { service: 'api', port: 'web' };
  return [
    document('Mesh', 'mesh', {
      trustDomain: 'td1',
      mtls: { mode: 'strict', cutOverWindow: '24h' },
      svid: { lifetime: '1h' },
      legacyAuthorities: [{ name: 'old', certificates: root }],
      jwtIssuers: [
        { name: 'router', issuer: 'https://i.test', jwks: `{"keys": [${createTokenKey().jwk}]}`, header: 'x-token' },
        { name: 'gitlab', issuer: 'https://gitlab.test', jwksUri: 'https://gitlab.test/keys', jwksCa: root },
      ],
      authorization: { withinCell: 'allow', acrossCells: 'deny' },
      strippedHeaders: ['x-sso-*', 'x-user'],
      breakGlass: ['spiffe://td1/ops/anna'],
    }),
    document('Cell', 'c1', { id: 1, region: 'east', controlPlane: { localChanges: 'parent-wins' } }),
    document(
      'Service',
      'api',
      {
        ports: [
          {
            ...{
              name: 'web',
              protocol: 'http1',
              app: 8080,
              endpoints: { sidecars: true },
              health: { path: '/healthz' },
            },
            healthCheck: { interval: '5s', timeout: '1s', unhealthyThreshold: 3, healthyThreshold: 1 },
            paths: { escapedSlashes: 'keep' },
            timeouts: { connect: '1s', request: '30s', idle: '1h', applicationIdle: '250ms' },
            ...{ upgrades: ['websocket'], headerCase: 'keep' },
          },
          { name: 'rpc', protocol: 'grpc', grpc: { descriptorSet: descriptors.toString('base64') } },
          { name: 'raw', protocol: 'tcp', endpoints: { static: [{ address: '10.0.0.1', port: 9000, cell: 'c1' }] } },
          { name: 'far', protocol: 'tcp', endpoints: { dns: { name: 'db.test', port: 5432 } } },
        ],
        mtls: { mode: 'permissive', legacyAuthority: 'old' },
        identityHeaders: {
          ...{ xfcc: true, peerId: true, subjectDn: true, stripped: ['x-more'] },
          trustedFrom: [{ service: 'web' }, { spiffeId: 'spiffe://td1/ops/anna' }, { anonymous: true }],
        },
        retries: { attempts: 2, perTryTimeout: '1s' },
        outlierDetection: { consecutiveFailures: 5, baseEjection: '30s', maxEjectionPercent: 50 },
        locality: { sameCellFirst: true },
        connectionAge: '20m',
      },
      'c1',
    ),
    document(
      'Service',
      'web',
      {
        ...{
          protocol: 'http1',
          endpoints: { sidecars: true },
          health: { path: '/up' },
          paths: { escapedSlashes: 'reject' },
        },
        dependsOn: [
          { service: 'api', port: 'web', listen: 9001, hosts: ['gitlab.test', '*.pages.test'] },
          { service: 'api', port: 'rpc', listen: 'unix:/run/web/rpc.sock', mode: '0660' },
          { service: 'api', port: 'raw', listen: 9003 },
          { service: 'api', port: 'far', listen: 9004 },
        ],
        timeouts: { connect: '1s', request: '0s', idle: '1h', applicationIdle: '1s' },
        ...{ upgrades: ['websocket'], headerCase: 'lower' },
        credential: {
          ...{ header: 'x-service-token', scheme: 'Bearer', accept: ['current', 'next'] },
          grants: [
            { secret: 'current', from: [{ service: 'api' }, { spiffeId: 'spiffe://td1/ops/anna' }] },
            { secret: 'others', from: [{ prefix: 'spiffe://td1/ops/' }, { authenticated: true }] },
          ],
        },
        healthCheck: { interval: '5s', timeout: '1s', unhealthyThreshold: 3, healthyThreshold: 1 },
      },
      'c1',
    ),
    document('Service', 'one', {
      ...{ protocol: 'grpc', grpc: { descriptorSet: descriptors.toString('base64') } },
      endpoints: { static: [{ address: '10.0.0.2', port: 9000, cell: 'c1' }] },
    }),
    document('Service', 'elsewhere', {
      ...{ protocol: 'http2', external: { spiffeId: 'spiffe://td2/billing' } },
      endpoints: { dns: { name: 'billing.td2.test', port: 8443 } },
    }),
    document('TrustBundle', 'two', {
      ...{ trustDomain: 'td2', bundle: root },
      endpoint: { profile: 'https_spiffe', url: 'https://td2.test/bundle', spiffeId: 'spiffe://td2/server' },
    }),
    document('TrustBundle', 'three', {
      trustDomain: 'td3',
      endpoint: { profile: 'https_web', url: 'https://td3.test/bundle', certificates: root },
    }),
    document('Service', 'two', { protocol: 'tcp', endpoints: { dns: { name: 'two.test', port: 1 } } }),
    document(
      'AuthorizationPolicy',
      'web',
      {
        ...{ target, action: 'allow', mode: 'enforce' },
        rules: [
          {
            from: [
              { service: 'web' },
              { cell: 'same' },
              { eachCell: 'web' },
              { spiffeId: 'spiffe://td1/ops/anna' },
              { prefix: 'spiffe://td1/ops/' },
              { trustDomain: 'td1' },
              { authenticated: true },
              { anonymous: true },
              { jwt: { issuer: 'router', audience: 'api', claims: { sub: 'x' } } },
            ],
            to: [
              { port: 'web', methods: ['GET', 'POST'], path: { exact: '/a' } },
              { path: { prefix: '/b' } },
              { path: { template: '/c/{id}/d' } },
            ],
          },
        ],
      },
      'c1',
    ),
    document(
      'AuthorizationPolicy',
      'rpc',
      {
        ...{ target: { service: 'api', port: 'rpc' }, action: 'allow' },
        rules: [{ from: [{ service: 'web' }], to: [{ grpc: 'pkg.S/Get', matchingCell: { field: 'cell_id' } }] }],
      },
      'c1',
    ),
    document(
      'AuthorizationPolicy',
      'shut',
      { target: { service: 'api' }, action: 'deny', mode: 'shadow', rules: [{ from: [{ everyone: true }] }] },
      'c1',
    ),
    document('Workload', 'anna', {
      identity: { spiffeId: 'spiffe://td1/ops/anna' },
      selectors: [{ attestor: 'join-token', match: {} }],
      ...{ lifetime: '2h', dnsNames: ['anna.test'], commonName: 'anna', secrets: 'local' },
      advertise: { addresses: ['10.0.0.0/8'], ports: [8443] },
    }),
    document('Workload', 'web', { identity: { service: 'web' } }, 'c1'),
    document(
      'EnvoyResource',
      'extra',
      {
        selector: { services: ['web'], identities: ['spiffe://td1/ops/anna'] },
        resource: {
          '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
          ...{ name: 'extra', type: 'STATIC', connect_timeout: '1s' },
        },
        version: 'v1',
      },
      'c1',
    ),
    document('EnvoyResource', 'patch', {
      selector: { all: true },
      patch: {
        operation: 'merge',
        typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
        name: 'extra',
        value: { connect_timeout: '2s' },
      },
      version: 'v2',
    }),
  ];
}

export type Path = readonly (string | number)[];

/** Of all values in it, itself included. */
export function pathsIn(value: Value, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries: readonly (readonly [string | number, Value])[] = isList(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value);
  return [path, ...entries.flatMap(([name, item]) => pathsIn(item, [...path, name]))];
}

/** What it becomes; `undefined`: the field is gone. */
export const faults: Readonly<Record<string, (value: Value) => Value | undefined>> = {
  gone: () => undefined,
  null: () => null,
  blank: (value) => (typeof value === 'number' ? 0 : isList(value) ? [] : typeof value === 'object' ? {} : ''),
  doubled: (value) =>
    isList(value) ? [...value, ...value] : typeof value === 'object' ? [value, value] : `${value}${value}`,
  truncated: (value) =>
    isList(value)
      ? value.slice(0, value.length >> 1)
      : typeof value === 'string'
        ? value.slice(0, value.length >> 1)
        : typeof value === 'number'
          ? value >> 1
          : null,
  'another type': (value) => (typeof value === 'object' ? 'text' : typeof value === 'string' ? 7 : { a: [value] }),
  'in a list': (value) => [value],
  negative: () => -1,
  huge: () => Number.MAX_VALUE,
  long: () => 'x'.repeat(100_000),
  many: (value) => Array.from({ length: 3000 }, () => value),
  odd: (value) => `${typeof value === 'string' ? value : ''}\u0000\u202e\ud800 \u{1f4a5}\u00a0é`,
  spaced: (value) => ` ${String(value)}\n`,
  prototype: () => '__proto__',
  path: () => '../../../etc/passwd',
};

export function withFault(
  value: Value,
  [name, ...rest]: Path,
  fault: (value: Value) => Value | undefined,
): Value | undefined {
  if (name === undefined) return fault(value);
  if (isList(value)) {
    return value.flatMap((item, index) => {
      const next = index === name ? withFault(item, rest, fault) : item;
      return next === undefined ? [] : [next];
    });
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, item]): [string, Value][] => {
    const next = key === name ? withFault(item, rest, fault) : item;
    return next === undefined ? [] : [[key, next]];
  });
  return Object.fromEntries(entries);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
