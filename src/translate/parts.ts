// What a proxy is sent, in parts that change independently: an edited policy is one part for its service's proxies, a moved endpoint one
// part that all callers in one cell share. A part is made only from the inputs, and looks up in them whatever it needs: what it read there
// is what it depends on.
import { ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { ClusterLoadAssignmentSchema } from '#gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { defined } from '../lib/defined.ts';
import type { Origin } from '../model/origin.ts';
import { type SpiffeId, type TrustDomain, trustDomainOf } from '../model/spiffe-id.ts';
import { workloadOf } from '../policy/identities.ts';
import type { CellIr, DependencyIr, MeshIr, PortIr, ServiceIr } from '../policy/ir.ts';
import { portOf } from '../policy/ports.ts';
import { discoveredConfig } from './filters/discovered.ts';
import { filtersOf } from './filters/inbound-filters.ts';
import { healthRoutes } from './inbound/health-routes.ts';
import { inboundCluster } from './inbound/inbound-cluster.ts';
import { inboundListener } from './inbound/inbound-listener.ts';
import { inboundRoutes } from './inbound/inbound-routes.ts';
import { ofCells, ofFederation, ofFilter, ofIdentity, ofInboundListener, ofMesh, ofOutbound } from './origins.ts';
import { loadAssignment, viewerCellOf } from './outbound/load-assignment.ts';
import { outboundCluster } from './outbound/outbound-cluster.ts';
import { outboundListener } from './outbound/outbound-listener.ts';
import { outboundRoutes } from './outbound/outbound-routes.ts';
import type { PortShape, ProxyShape, TranslatedResource, TranslationInputs } from './proxy.ts';
import { resource } from './resource.ts';
import { federatedBundle, foreignBundle, permissiveBundle, spiffeBundle } from './tls/bundle-secrets.ts';

export type Part = WholePart | FilledPart;

export interface WholePart {
  readonly kind: 'whole';
  /** Parts with equal keys that are made from equal inputs are equal, whichever proxies they are for. */
  readonly key: string;
  readonly side: 'both' | 'inbound' | 'outbound';
  make(inputs: TranslationInputs): readonly TranslatedResource[];
}

/** What one caller has of a port: a template that is made once for all of them, in which something of its own is filled in. */
export interface FilledPart {
  readonly kind: 'filled';
  readonly side: 'outbound';
  /** Only it reads the inputs. */
  readonly template: Template;
  /** Parts of one template with equal keys are equal. */
  readonly key: string;
  readonly own: Own;
  /** `cells`: names of those that it was looked at from, and in which its endpoints are. */
  madeBy(mesh: MeshIr, cells?: CellNames): readonly Origin[];
}

type CellNames = ReadonlySet<string | undefined>;

export interface Template {
  /** As for whole parts. */
  readonly key: string;
  /** Undefined if there is nothing to be reached. */
  make(inputs: TranslationInputs): Fill | undefined;
}

/** Keeps nothing of the inputs, and is pure. */
export type Fill = (own: Own, madeBy: (cells?: CellNames) => readonly Origin[]) => TranslatedResource;

export interface Own extends Pick<DependencyIr, 'listen'> {
  readonly caller: SpiffeId;
  readonly secrets?: 'local';
}

export function resourcesOfPart(part: Part, inputs: TranslationInputs): readonly TranslatedResource[] {
  if (part.kind === 'whole') return part.make(inputs);
  const fill = part.template.make(inputs);
  return fill === undefined ? [] : [fill(part.own, (cells) => part.madeBy(inputs.mesh, cells))];
}

/** In the order of the resources. Reads no more of the mesh than necessary. */
export function partsOf(mesh: MeshIr, proxy: ProxyShape): readonly Part[] {
  const service = proxy.service === undefined ? undefined : mesh.services.get(proxy.service);
  // No Service, such as a load balancer with its own listeners: only what it validates its peers with.
  if (service === undefined) return workloadOf(mesh.identities, proxy.spiffeId) === undefined ? [] : [bundlePart];
  const inbound = service.ports.flatMap((port) => {
    const at = proxy.ports?.find(({ name }) => name === port.port);
    return at === undefined ? [] : inboundParts(port, at, proxy);
  });
  const { key, cell, spiffeId } = service;
  const caller = { key, cell, spiffeId };
  const outbound = service.dependsOn.flatMap((dependency) => outboundParts(mesh, caller, dependency, proxy));
  return [bundlePart, ...inbound, ...outbound];
}

/** Ports of a service share its secrets; one target on two ports is a mistake for which documents are refused: the first stays. */
export function distinctOf<R>(
  parts: readonly { readonly side: Part['side']; readonly resources: readonly R[] }[],
  placeOf: (resource: R) => { readonly typeUrl: string; readonly name: string },
): readonly R[] {
  const seen = new Set<string>();
  return parts.flatMap(({ side, resources }) =>
    resources.filter((resource) => {
      const { typeUrl, name } = placeOf(resource);
      const key = `${side} ${typeUrl} ${name}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    }),
  );
}

const bundlePart: Part = {
  ...{ kind: 'whole', key: 'bundle', side: 'both' },
  make: ({ mesh, bundles }) => [resource(SecretSchema, spiffeBundle(mesh.trustDomain, bundles), () => [ofMesh(mesh)])],
};

function inboundParts(
  { id, app }: Pick<PortIr, 'id' | 'app'>,
  { inbound, application = documented(app) }: PortShape,
  { loopback6, secrets }: Pick<ProxyShape, 'loopback6' | 'secrets'>,
): readonly Part[] {
  if (application === undefined) return [];
  const of = (
    key: readonly unknown[],
    make: (port: PortIr, inputs: TranslationInputs) => readonly TranslatedResource[],
  ): Part => ({
    ...{ kind: 'whole', key: keyOf(['inbound', id, ...key]), side: 'inbound' },
    make(inputs) {
      const port = portOf(inputs.mesh, id);
      return port === undefined ? [] : make(port, inputs);
    },
  });
  return [
    of(['cluster', application, loopback6], (port, { mesh }) => [
      resource(ClusterSchema, inboundCluster(port, application, loopback6), ofOwn(mesh, port)),
    ]),
    of(['listener', inbound, secrets], (port, inputs) => [
      resource(ListenerSchema, inboundListener(port, inputs, inbound, secrets), () =>
        ofInboundListener(inputs.mesh, port),
      ),
    ]),
    of(['rest'], inboundRest),
  ];
}

/** If a sidecar is started without the application's address, the documents define it. */
function documented(app: number | undefined): PortShape['application'] {
  return app === undefined ? undefined : { address: '127.0.0.1', port: app };
}

/** Identifies nothing about where the proxy is: for all proxies of a port. */
function inboundRest(service: PortIr, { mesh, bundles }: TranslationInputs): readonly TranslatedResource[] {
  const resources = filtersOf(service).flatMap((filter): TranslatedResource[] => {
    const others = [...(filter.resources?.(service, mesh, bundles) ?? [])];
    if (filter.inline) return others;
    const config = discoveredConfig(filter, service, mesh, bundles);
    return [...others, resource(TypedExtensionConfigSchema, config, () => ofFilter(mesh, service, filter))];
  });
  const own = ofOwn(mesh, service);
  if (service.mtls.mode === 'permissive') {
    resources.push(resource(SecretSchema, permissiveBundle(mesh.trustDomain, service.mtls, bundles), own));
  }
  const { federated: foreign = [] } = service;
  if (foreign.length > 0) {
    const bundle = federatedBundle(mesh.trustDomain, foreign, bundles);
    resources.push(resource(SecretSchema, bundle, () => ofFederation(mesh, foreign)));
  }
  if (service.protocol === 'tcp') return resources;
  const ofRoutes = () => [...own(), ...(service.identityHeaders.subjectDn ? ofCells(mesh.cells.values()) : [])];
  resources.push(resource(RouteConfigurationSchema, inboundRoutes(service, mesh), ofRoutes));
  if (service.mtls.mode === 'strict' && service.healthPath !== undefined) {
    resources.push(resource(RouteConfigurationSchema, healthRoutes(service, service.healthPath), own));
  }
  return resources;
}

function outboundParts(
  mesh: MeshIr,
  { key, cell, spiffeId }: Pick<ServiceIr, 'key' | 'spiffeId'> & { readonly cell: CellIr | undefined },
  dependency: DependencyIr,
  { loopback6, secrets }: ProxyShape,
): readonly Part[] {
  const target = portOf(mesh, dependency.port);
  if (target === undefined) return [];
  const { id, protocol, endpoints } = target;
  const { listen, hosts } = dependency;
  const viewer = viewerCellOf(target, cell)?.name;
  const by = typeof listen === 'number' ? 'port' : 'socket';
  const madeBy = (now: MeshIr, cells?: CellNames): readonly Origin[] => {
    const [caller, called] = [now.services.get(key), portOf(now, id)];
    if (caller === undefined || called === undefined) return [];
    const seen = cells === undefined ? [] : [...now.cells.values()].filter(({ name }) => cells.has(name));
    return [...ofOutbound(now, caller, dependency, called), ...ofCells(seen)];
  };
  const of = (
    own: unknown,
    part: readonly unknown[],
    make: (called: PortIr, inputs: TranslationInputs) => Fill,
  ): Part => ({
    ...{
      kind: 'filled',
      side: 'outbound',
      key: keyOf([own]),
      own: { caller: spiffeId, listen, ...defined({ secrets }) },
      madeBy,
    },
    template: {
      key: keyOf(['outbound', id, ...part]),
      make(inputs) {
        const called = portOf(inputs.mesh, id);
        return called && make(called, inputs);
      },
    },
  });
  return [
    of([spiffeId, secrets], ['cluster', viewer], (called) => {
      const cluster = outboundCluster(called, viewer);
      return (own, from) => resource(ClusterSchema, cluster(own.caller, own.secrets), () => from());
    }),
    of(listen, ['listener', loopback6, by], (called) => {
      const listener = outboundListener(called, loopback6 === undefined ? {} : { loopback6 });
      return (own, from) => resource(ListenerSchema, listener(own.listen), () => from());
    }),
    ...(target.external ? [foreignPart(trustDomainOf(target.spiffeId))] : []),
    ...(endpoints.kind === 'dns' ? [] : [of('', ['endpoints', viewer], endpointsAsSeen(viewer))]),
    ...(protocol === 'tcp'
      ? []
      : [
          of('', ['routes', by, hosts], (called) => {
            const routes = outboundRoutes(called, { by, hosts });
            return (_, from) => resource(RouteConfigurationSchema, routes, () => from());
          }),
        ]),
  ];
}

/** The roots that a server of another trust domain is verified with. */
const foreignPart = (domain: TrustDomain): Part => ({
  ...{ kind: 'whole', key: keyOf(['bundle', domain]), side: 'both' },
  make: ({ mesh, bundles }) => [
    resource(SecretSchema, foreignBundle(domain, mesh.trustDomain, bundles), () => ofFederation(mesh, [domain])),
  ],
});

type MadeBy = () => readonly Origin[];

function endpointsAsSeen(from: string | undefined) {
  return (target: PortIr, { mesh, endpoints }: TranslationInputs): Fill => {
    const viewer = from === undefined ? undefined : mesh.cells.get(from);
    const assignment = loadAssignment(mesh, endpoints, target, viewer);
    // How near an endpoint is depends on the regions of its cell and of the one that looks.
    const cells = new Set([viewer?.name, ...assignment.endpoints.map(({ locality }) => locality?.zone)]);
    return (_, madeBy) => resource(ClusterLoadAssignmentSchema, assignment, () => madeBy(cells));
  };
}

function keyOf(of: readonly unknown[]): string {
  return JSON.stringify(of.map((one) => one ?? null));
}

function ofOwn(mesh: MeshIr, { spiffeId }: Pick<PortIr, 'spiffeId'>): MadeBy {
  return () => ofIdentity(mesh, spiffeId);
}
