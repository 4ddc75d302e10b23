// (mesh, endpoints, bundles, proxy) → every resource of that proxy, its own SVID apart. Pure, and in a fixed order; what is
// equal for two proxies comes out with equal bytes. A proxy receives what its service declares and nothing else.
import { ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '#gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { workloadOf } from '../policy/identities.ts';
import type { CellIr, DependencyIr, MeshIr, PortIr, ServiceIr } from '../policy/ir.ts';
import { portOf } from '../policy/ports.ts';
import { discoveredConfig } from './filters/discovered.ts';
import { filtersOf } from './filters/inbound-filters.ts';
import { healthRoutes } from './inbound/health-routes.ts';
import { inboundCluster } from './inbound/inbound-cluster.ts';
import { inboundListener } from './inbound/inbound-listener.ts';
import { inboundRoutes } from './inbound/inbound-routes.ts';
import { ofCells, ofFilter, ofIdentity, ofInboundListener, ofMesh, ofOutbound } from './origins.ts';
import { loadAssignment, viewerCellOf } from './outbound/load-assignment.ts';
import { outboundCluster } from './outbound/outbound-cluster.ts';
import { outboundListener } from './outbound/outbound-listener.ts';
import { outboundRoutes } from './outbound/outbound-routes.ts';
import type { Bundles, LiveEndpoints, PortShape, ProxyShape, TranslatedResource } from './proxy.ts';
import { resource } from './resource.ts';
import { overSingleServices } from './single-services.ts';
import { permissiveBundle, spiffeBundle } from './tls/bundle-secrets.ts';

export function translate(
  mesh: MeshIr,
  endpoints: LiveEndpoints,
  bundles: Bundles,
  proxy: ProxyShape,
): readonly TranslatedResource[] {
  const service = proxy.service === undefined ? undefined : mesh.services.get(proxy.service);
  const bundle = resource(SecretSchema, spiffeBundle(mesh.trustDomain, bundles), () => [ofMesh(mesh)]);
  // No Service, as a load balancer that has its own listeners: what it validates its peers with, and nothing else.
  if (service === undefined) return workloadOf(mesh.identities, proxy.spiffeId) !== undefined ? [bundle] : [];
  const inbound = service.ports.flatMap((port) => {
    const at = proxy.ports?.find(({ name }) => name === port.port);
    return at === undefined ? [] : inboundResources(mesh, bundles, port, at, proxy);
  });
  const outbound = service.dependsOn.flatMap((dependency) =>
    outboundResources(mesh, endpoints, service, dependency, proxy),
  );
  const resources = [bundle, ...distinct(inbound), ...distinct(outbound)];
  return proxy.singleServices === undefined ? resources : overSingleServices(resources, proxy.singleServices);
}

function inboundResources(
  mesh: MeshIr,
  bundles: Bundles,
  service: PortIr,
  { inbound, application = documented(service) }: PortShape,
  { loopback6 }: Pick<ProxyShape, 'loopback6'>,
): TranslatedResource[] {
  if (application === undefined) return [];
  const { trustDomain } = mesh;
  const ofOwn = () => ofIdentity(mesh, service.spiffeId);
  const resources = [
    resource(ClusterSchema, inboundCluster(service, application, loopback6), ofOwn),
    resource(ListenerSchema, inboundListener(service, mesh, inbound), () => ofInboundListener(mesh, service)),
    ...filtersOf(service).flatMap((filter) => [
      ...(filter.resources?.(service, mesh) ?? []),
      resource(TypedExtensionConfigSchema, discoveredConfig(filter, service, mesh), () =>
        ofFilter(mesh, service, filter),
      ),
    ]),
  ];
  if (service.mtls.mode === 'permissive') {
    resources.push(resource(SecretSchema, permissiveBundle(trustDomain, service.mtls, bundles), ofOwn));
  }
  if (service.protocol === 'tcp') return resources;
  const ofRoutes = () => [...ofOwn(), ...(service.identityHeaders.subjectDn ? ofCells(mesh.cells.values()) : [])];
  resources.push(resource(RouteConfigurationSchema, inboundRoutes(service, mesh), ofRoutes));
  if (service.mtls.mode === 'strict' && service.healthPath !== undefined) {
    resources.push(resource(RouteConfigurationSchema, healthRoutes(service, service.healthPath), ofOwn));
  }
  return resources;
}

/** Whoever starts a sidecar without saying where the application is leaves that to the documents. */
function documented({ app }: PortIr): PortShape['application'] {
  return app === undefined ? undefined : { address: '127.0.0.1', port: app };
}

function outboundResources(
  mesh: MeshIr,
  endpoints: LiveEndpoints,
  service: ServiceIr,
  dependency: DependencyIr,
  proxy: ProxyShape,
): TranslatedResource[] {
  const target = portOf(mesh, dependency.port);
  if (target === undefined) return [];
  const viewer = viewerCellOf(target, service.cell);
  const ofBoth = () => ofOutbound(mesh, service, dependency, target);
  const resources = [
    resource(ClusterSchema, outboundCluster(service.spiffeId, target, viewer?.name), ofBoth),
    resource(ListenerSchema, outboundListener(target, dependency.listen, proxy), ofBoth),
  ];
  if (target.endpoints.kind !== 'dns') {
    const assignment = loadAssignment(mesh, endpoints, target, viewer);
    const ofSeen = () => [...ofBoth(), ...ofCells(seenCells(mesh, assignment, viewer))];
    resources.push(resource(ClusterLoadAssignmentSchema, assignment, ofSeen));
  }
  if (target.protocol !== 'tcp') {
    resources.push(resource(RouteConfigurationSchema, outboundRoutes(target, dependency), ofBoth));
  }
  return resources;
}

/** How near an endpoint is goes by the regions of its cell and of the one that looks. */
function seenCells(mesh: MeshIr, { endpoints }: ClusterLoadAssignment, viewer: CellIr | undefined): readonly CellIr[] {
  const names = new Set([viewer?.name, ...endpoints.map(({ locality }) => locality?.zone)]);
  return [...mesh.cells.values()].filter(({ name }) => names.has(name));
}

/** Ports of a service share its secrets. One target on two ports is a mistake that documents are refused for; the first stays. */
function distinct(resources: readonly TranslatedResource[]): TranslatedResource[] {
  const seen = new Map<string, TranslatedResource>();
  for (const one of resources) {
    const key = `${one.typeUrl} ${one.name}`;
    if (!seen.has(key)) seen.set(key, one);
  }
  return [...seen.values()];
}
