// Random meshes, as resolve could have made them: every protocol, mode, endpoint source, principal, operation and limit.
import fc from 'fast-check';
import { parseTrustDomain, type SpiffeId, serviceSpiffeId, type TrustDomain } from '../../src/model/spiffe-id.ts';
import type { AuthorizationIr, OperationIr, PathIr, PrincipalIr, RuleIr } from '../../src/policy/authorization-ir.ts';
import { callersOf } from '../../src/policy/callers.ts';
import type {
  CellIr,
  DependencyIr,
  EndpointIr,
  MeshIr,
  PortIr,
  PortKey,
  ServiceIr,
  ServiceKey,
} from '../../src/policy/ir.ts';
import { portKey } from '../../src/policy/ports.ts';
import type { Bundles, LiveEndpoints, ProxyShape } from '../../src/translate/proxy.ts';

export interface Case {
  readonly mesh: MeshIr;
  readonly endpoints: LiveEndpoints;
  readonly bundles: Bundles;
}

const source = { file: 'random.yaml', line: 1, column: 1 };
const cells: readonly CellIr[] = [
  { name: 'cell-1', id: 1, region: 'eu' },
  { name: 'cell-2', id: 2, region: 'eu' },
  { name: 'cell-10', id: 10 },
];
const domain = ((): TrustDomain => {
  const parsed = parseTrustDomain('td1.test');
  if (parsed === undefined) throw new Error('no trust domain');
  return parsed;
})();

const segment = fc.stringMatching(/^[A-Za-z0-9._~!$&'()+,=:@-]{1,8}$/);
const pathText = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const path: fc.Arbitrary<PathIr> = fc.oneof(
  pathText.map((text): PathIr => ({ kind: 'exact', path: text })),
  fc.oneof(pathText, fc.constant('/')).map((text): PathIr => ({ kind: 'prefix', path: text })),
  fc
    .array(fc.option(segment, { nil: null }), { minLength: 1, maxLength: 4 })
    .map((segments): PathIr => ({ kind: 'template', segments })),
);
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE');
const operation: fc.Arbitrary<OperationIr> = fc
  .record({ methods: fc.option(fc.uniqueArray(method, { minLength: 1 })), path: fc.option(path) })
  .map(({ methods, path }) => ({ ...(methods && { methods }), ...(path && { path }) }));

const spiffeId = fc
  .tuple(fc.constantFrom('td1.test', 'td2.test'), fc.constantFrom('cell/cell-1/service/a', 'edge/router', 'x'))
  .map(([td, rest]) => `spiffe://${td}/${rest}` as SpiffeId);
const principal: fc.Arbitrary<PrincipalIr> = fc.oneof(
  spiffeId.map((id): PrincipalIr => ({ kind: 'id', id })),
  spiffeId.map((id): PrincipalIr => ({ kind: 'prefix', prefix: `${id}/` })),
  fc.constant<PrincipalIr>({ kind: 'anonymous' }),
  fc.constant<PrincipalIr>({ kind: 'everyone' }),
);

const rules = (tcp: boolean, name: string): fc.Arbitrary<RuleIr[]> =>
  fc
    .array(
      fc.tuple(fc.array(principal, { minLength: 1, maxLength: 3 }), fc.array(operation, { maxLength: tcp ? 0 : 3 })),
      { maxLength: 4 },
    )
    .map((all) =>
      all.map(([principals, operations], index) => ({
        id: `${name}/${index}`,
        policy: `AuthorizationPolicy ${name}` as RuleIr['policy'],
        source,
        principals,
        operations,
      })),
    );

const authorization = (tcp: boolean): fc.Arbitrary<AuthorizationIr> =>
  fc.record({
    fallback: fc.constantFrom('allow', 'deny'),
    cellDefault: fc.constantFrom(
      { kind: 'cells', prefix: 'spiffe://td1.test/cell/' } as const,
      { kind: 'cells', prefix: 'spiffe://td1.test/cell/', except: 'spiffe://td1.test/cell/cell-1/' } as const,
    ),
    policies: fc.constant([]),
    deny: rules(tcp, 'deny'),
    allow: rules(tcp, 'allow'),
    shadowDeny: rules(tcp, 'shadow-deny'),
    shadowAllow: rules(tcp, 'shadow-allow'),
  });

const endpoint: fc.Arbitrary<EndpointIr> = fc
  .record({
    address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1', '::1'),
    port: fc.integer({ min: 1, max: 4 }),
    cell: fc.option(fc.constantFrom('cell-1', 'cell-2', 'cell-10')),
    region: fc.option(fc.constantFrom('eu', 'us')),
  })
  .map(({ address, port, cell, region }) => ({ address, port, ...(cell && { cell }), ...(region && { region }) }));

const ms = fc.integer({ min: 1, max: 3_600_000 });
const protocol = fc.constantFrom('http1', 'http2', 'grpc', 'tcp');

type PortDraft = Omit<PortIr, keyof Omit<ServiceIr, 'ports' | 'dependsOn'> | 'id' | 'port' | 'place'>;

const port: fc.Arbitrary<PortDraft> = protocol.chain((spoken) =>
  fc
    .record({
      app: fc.constantFrom(undefined, 9090),
      endpoints: fc.oneof(
        fc.constant<PortIr['endpoints']>({ kind: 'sidecars' }),
        fc.array(endpoint, { maxLength: 5 }).map((endpoints): PortIr['endpoints'] => ({ kind: 'static', endpoints })),
        fc.constant<PortIr['endpoints']>({ kind: 'dns', name: 'api.test', port: 443 }),
      ),
      authorization: authorization(spoken === 'tcp'),
      identityHeaders: fc.record({
        xfcc: fc.boolean(),
        peerId: fc.boolean(),
        subjectDn: fc.boolean(),
        stripped: fc.subarray(['x-ssl-*', 'client-cert', 'x-a-b-c-d-e-f-*']),
        trusted: fc.record({
          callers: fc.subarray(['spiffe://td1.test/edge/router' as SpiffeId]),
          anonymous: fc.boolean(),
        }),
      }),
      upgrades: fc.subarray(['websocket' as const]),
      keepsHeaderCase: fc.boolean(),
      healthPath: fc.option(pathText),
      escapedSlashes: fc.constantFrom('reject', 'keep'),
      timeouts: fc.record({
        connectMs: ms,
        requestMs: fc.nat(60_000),
        idleMs: ms,
        applicationIdleMs: fc.nat(60_000),
      }),
      retries: fc.record({ attempts: fc.nat(10) }),
      outliers: fc.option(
        fc.record({
          consecutiveFailures: fc.integer({ min: 1, max: 9 }),
          baseEjectionMs: ms,
          maxEjectionPercent: fc.nat(100),
        }),
      ),
      checks: fc.option(
        fc.record({
          intervalMs: ms,
          timeoutMs: ms,
          unhealthyThreshold: fc.integer({ min: 1, max: 9 }),
          healthyThreshold: fc.integer({ min: 1, max: 9 }),
        }),
      ),
      sameCellFirst: fc.boolean(),
      connectionAgeMs: fc.integer({ min: 1000, max: 1_800_000 }),
    })
    .map(
      ({ app, healthPath, outliers, checks, ...rest }): PortDraft => ({
        ...rest,
        describesGrpc: false,
        protocol: spoken,
        ...(app && { app }),
        ...(healthPath && { healthPath }),
        ...(outliers && { outlierDetection: outliers }),
        ...(checks && { healthCheck: checks }),
      }),
    ),
);

const mtls = fc.constantFrom<ServiceIr['mtls']>(
  { mode: 'strict' },
  { mode: 'permissive' },
  { mode: 'permissive', legacyAuthority: 'old' },
  { mode: 'permissive', legacyAuthority: 'not-there-yet' },
);

const service = (name: string, cell: CellIr | undefined): fc.Arbitrary<ServiceIr> => {
  const facts = {
    key: (cell === undefined ? name : `${cell.name}/${name}`) as ServiceKey,
    source,
    name,
    ...(cell && { cell }),
    spiffeId: serviceSpiffeId(domain, name, cell?.name),
  };
  return fc
    .tuple(
      mtls,
      fc.uniqueArray(fc.constantFrom('default', 'rest', 'ssh', 'health'), { minLength: 1, maxLength: 3 }),
      fc.array(port, { minLength: 3, maxLength: 3 }),
    )
    .map(([mode, names, drafts]): ServiceIr => {
      const ports = names.flatMap((own, index): PortIr[] => {
        const draft = drafts[index];
        if (draft === undefined) return [];
        return [
          { ...facts, mtls: mode, ...draft, id: portKey(facts.key, own), port: own, place: ['spec', 'ports', index] },
        ];
      });
      return { ...facts, mtls: mode, dependsOn: [], ports };
    });
};

const places = [
  ['a', cells[0]],
  ['b', cells[0]],
  ['a', cells[1]],
  ['a', cells[2]],
  ['shared', undefined],
] as const;

export const arbitraryCase: fc.Arbitrary<Case> = fc
  .tuple(
    fc.tuple(...places.map(([name, cell]) => service(name, cell))),
    fc.array(fc.array(endpoint, { maxLength: 5 }), { minLength: places.length, maxLength: places.length }),
    fc.array(fc.subarray([...places.keys()]), { minLength: places.length, maxLength: places.length }),
    fc.subarray(['spiffe://td1.test/oncall' as SpiffeId, 'spiffe://td1.test/edge/router' as SpiffeId]),
  )
  .map(([all, live, dependencies, breakGlass]) => {
    const services = all.map((one, index) => ({
      ...one,
      dependsOn: (dependencies[index] ?? []).map((target, port) => ({
        ...somePort(all, target, port),
        listen: port === 3 ? { path: `/run/${index}/api.sock`, mode: 0o660 } : 15_001 + port,
        hosts: port % 3 === 0 ? [] : port % 3 === 1 ? ['a.example', '*.b.example', '127.0.0.1'] : ['*'],
      })),
    }));
    return {
      mesh: {
        document: 'Mesh/mesh' as MeshIr['document'],
        trustDomain: domain,
        svidLifetimeMs: 3_600_000,
        cells: new Map(cells.map((cell) => [cell.name, cell])),
        services: new Map(services.map((one) => [one.key, one])),
        serviceOf: new Map(services.map((one) => [one.spiffeId, one.key])),
        callers: callersOf(services),
        identities: { exact: new Map(), templates: [] },
        jwtIssuers: new Map(),
        legacyAuthorities: new Map(),
        breakGlass,
      },
      endpoints: new Map(
        services.flatMap(({ ports }, index) => ports.map(({ id }): [PortKey, EndpointIr[]] => [id, live[index] ?? []])),
      ),
      bundles: { roots: 'ROOTS\n', legacyAnchors: new Map([['old', 'ANCHOR\n']]) },
    };
  });

function somePort(all: readonly ServiceIr[], index: number, which: number): Pick<DependencyIr, 'target' | 'port'> {
  const found = all[index];
  const port = found?.ports[which % found.ports.length];
  if (port === undefined) throw new Error(`no service ${index}`);
  return { target: port.key, port: port.id };
}

/** Every proxy of a mesh. */
export function shapesOf({ mesh }: Case): readonly ProxyShape[] {
  return [...mesh.services.values()].map(({ spiffeId, key, ports }) => ({
    spiffeId,
    service: key,
    ports: ports.map(({ port: name }, index) => ({
      name,
      inbound: { address: '10.0.0.1', port: 15_000 + index },
      application: { address: '127.0.0.1', port: 8080 + index },
    })),
  }));
}
