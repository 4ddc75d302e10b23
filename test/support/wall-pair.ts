// Two real Envoys as sidecars: `web` calls `api` through both. The application behind and the caller in front are the test's own.
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, PortIr, ServiceIr, ServiceKey } from '../../src/policy/ir.ts';
import { portKey, portOf } from '../../src/policy/ports.ts';
import type { TranslatedResource } from '../../src/translate/proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from '../translate/mesh-text.ts';
import { meshOf } from './resolve-text.ts';
import { createTestCa, type TestCa, type TestCertificate } from './test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from './translated-proxy.ts';

export interface WallPairOptions {
  /** Fields of api's Service, in YAML: `protocol: http1, …`. */
  readonly api: string;
  readonly application: { readonly address: string; readonly port: number };
  /** Default: strict. */
  readonly mode?: 'strict' | 'permissive';
  /** Default: web may do everything. */
  readonly rules?: string;
  /** Of the Mesh, in YAML. */
  readonly strippedHeaders?: string;
  /** More documents. */
  readonly more?: string;
  /** What documents may not say of a port, as ages of a second. */
  readonly port?: Partial<PortIr>;
  readonly lifetimeMs?: number;
  readonly envoyArgs?: readonly string[];
  /** Default: one of its own. */
  readonly ca?: TestCa;
  /** Of controls: what translate made for api's sidecar, with a fault put in. */
  readonly resources?: (resources: readonly TranslatedResource[]) => readonly TranslatedResource[];
  /** Default: that of sidecars. */
  readonly layeredRuntime?: object;
}

export interface WallPair {
  readonly ca: TestCa;
  readonly mesh: MeshIr;
  readonly target: PortIr;
  readonly server: TranslatedProxy;
  readonly client: TranslatedProxy;
  /** Of api's sidecar. */
  readonly inbound: number;
  /** Web's loopback port for api. */
  readonly outbound: number;
  svid(name: string): Promise<TestCertificate>;
  stop(): Promise<void>;
}

export const api = 'cell-1/api' as ServiceKey;
export const web = 'cell-1/web' as ServiceKey;

export function testId(name: string): SpiffeId {
  const parsed = parseSpiffeId(idOf(name, 'cell-1'));
  if (parsed === undefined) throw new Error(name);
  return parsed;
}

function pairMesh(options: Omit<WallPairOptions, 'application'>): MeshIr {
  const { mode = 'strict', rules = '[{from: [{service: web}]}]', more = '', port = {} } = options;
  const mesh = meshOf(
    meshDocument(mode).replace('  mtls:', `  strippedHeaders: ${options.strippedHeaders ?? '[]'}\n  mtls:`) +
      serviceDocument('api', 'cell-1', `{${options.api}}`) +
      serviceDocument('web', 'cell-1', '{protocol: http1, dependsOn: [{service: api, listen: 15001}]}') +
      policyDocument('api', 'cell-1', `{target: {service: api}, action: allow, rules: ${rules}}`) +
      more,
  );
  // Outbound listeners on free ports.
  const services = [...mesh.services.values()].map((service): ServiceIr => {
    const dependsOn = service.dependsOn.map((dependency) => ({ ...dependency, listen: 0 }));
    return { ...service, dependsOn, ports: service.ports.map((own) => ({ ...own, ...port })) };
  });
  return { ...mesh, services: new Map(services.map((service) => [service.key, service])) };
}

export async function startWallPair(options: WallPairOptions): Promise<WallPair> {
  const { ca = await createTestCa() } = options;
  const mesh = pairMesh(options);
  const bundles = { roots: ca.root, legacyAnchors: new Map<string, string>() };
  const { lifetimeMs, application, envoyArgs } = options;
  const issue = (name: string) => ca.issue({ uri: idOf(name, 'cell-1'), ...(lifetimeMs && { lifetimeMs }) });
  const server = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles },
    {
      spiffeId: testId('api'),
      service: api,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await issue('api'),
    envoyArgs,
    options.resources,
    undefined,
    options.layeredRuntime,
  );
  const inbound = await server.envoy.port('inbound');
  const client = await startTranslatedProxy(
    { mesh, endpoints: new Map([[portKey(api, 'default'), [{ address: '127.0.0.1', port: inbound }]]]), bundles },
    { spiffeId: testId('web'), service: web },
    await issue('web'),
    envoyArgs,
    undefined,
    undefined,
    options.layeredRuntime,
  );
  const outbound = await client.envoy.port(`outbound:${api}`);
  const target = portOf(mesh, api);
  if (target === undefined) throw new Error('no api');
  return {
    ca,
    mesh,
    target,
    server,
    client,
    inbound,
    outbound,
    svid: issue,
    async stop() {
      await client.stop();
      await server.stop();
    },
  };
}
