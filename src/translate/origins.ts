// Which documents make a resource, down to the rule or the dependency. Evaluated only on request (a proxy rejected the resource, an
// operator looks at it), so that it costs a proxy nothing. The most frequently changed come first.
import type { DocumentKey } from '../model/documents/document.ts';
import type { Origin } from '../model/origin.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';
import type { AuthorizationIr } from '../policy/authorization-ir.ts';
import { workloadOf } from '../policy/identities.ts';
import type { CellIr, DependencyIr, MeshIr, PortIr, ServiceIr } from '../policy/ir.ts';
import type { RawIr } from '../policy/raw-ir.ts';
import type { LooksAt } from './filters/inbound-filter.ts';
import { readsRequest } from './filters/read-request.ts';

const whole = (document: string): Origin => ({ document: document as DocumentKey, path: [] });

/** The whole document, without a line in it. */
export function ofMesh({ document }: MeshIr): Origin {
  return { document, path: [] };
}

/** An identity's own: its Service, its Workload (lifetime and names), and the Mesh, for the trust domain. */
export function ofIdentity(mesh: MeshIr, id: SpiffeId): readonly Origin[] {
  const service = mesh.serviceOf.get(id);
  const workload = workloadOf(mesh.identities, id);
  return [
    ...(service === undefined ? [] : [whole(`Service/${service}`)]),
    // Without its own Workload it has what its Service gives it.
    ...(workload === undefined || workload.document === `Service/${service}` ? [] : [whole(workload.document)]),
    ofMesh(mesh),
  ];
}

/** Its listener has a chain for each of its callers, with the result of those enforced rules that can be decided in advance. */
export function ofInboundListener(mesh: MeshIr, service: PortIr): readonly Origin[] {
  const { authorization, identityHeaders } = service;
  const callers = (mesh.callers.get(service.id) ?? []).flatMap(({ key }) => mesh.services.get(key) ?? []);
  return distinct([
    ...ofIdentity(mesh, service.spiffeId),
    ...ofRules(mesh, authorization, { lists: ['deny', 'allow'] }),
    ...callers.flatMap((caller) =>
      caller.dependsOn.filter(({ port }) => port === service.id).map((one) => ofDependency(caller, one)),
    ),
    ...identityHeaders.trusted.callers.flatMap((id) => ofIdentity(mesh, id)),
    ...ofFederation(mesh, service.federated ?? []),
  ]);
}

/** The rules that it looks at, then what gives the service its identity. */
export function ofFilter(mesh: MeshIr, service: PortIr, looksAt: LooksAt): readonly Origin[] {
  const rules = ofRules(mesh, service.authorization, looksAt);
  return distinct([...rules, ...ofIdentity(mesh, service.spiffeId), ...ofFederation(mesh, service.federated ?? [])]);
}

function ofDependency({ key, dependsOn }: ServiceIr, dependency: DependencyIr): Origin {
  return { ...whole(`Service/${key}`), path: ['spec', 'dependsOn', dependsOn.indexOf(dependency)] };
}

/** What a caller has for a dependency. */
export function ofOutbound(
  mesh: MeshIr,
  caller: ServiceIr,
  dependency: DependencyIr,
  target: PortIr,
): readonly Origin[] {
  return distinct([ofDependency(caller, dependency), ...ofIdentity(mesh, target.spiffeId)]);
}

export function ofCells(cells: Iterable<CellIr>): readonly Origin[] {
  return [...cells].map(({ name }) => whole(`Cell/${name}`));
}

/** What is trusted of other trust domains: their roots, or that there are none yet. */
export function ofFederation(mesh: MeshIr, foreign: readonly TrustDomain[]): readonly Origin[] {
  return [
    ...foreign.flatMap((domain) => whole(mesh.trustBundles?.get(domain)?.document ?? mesh.document)),
    ofMesh(mesh),
  ];
}

export function ofRaw({ document, change }: RawIr): Origin {
  return { document, path: ['spec', change.kind === 'resource' ? 'resource' : 'patch'] };
}

function ofRules(mesh: MeshIr, authorization: AuthorizationIr, { lists, takes }: LooksAt): readonly Origin[] {
  const rules = lists.flatMap((list) => authorization[list]).filter(takes ?? (() => true));
  const named = new Set(rules.map(({ policy }) => policy));
  const whatever = takes === undefined && lists.length > 0;
  return distinct([
    ...rules.map(({ policy, id }) => ({
      document: policy,
      path: ['spec', 'rules', Number(id.slice(id.lastIndexOf('/') + 1))],
    })),
    // Any other determines whether there is a default, and what the guards look for; one without rules, that nobody may call.
    ...(whatever ? authorization.policies.filter((policy) => !named.has(policy)).map(whole) : []),
    ...rules.flatMap(({ principals }) => principals.flatMap((one) => (one.kind === 'id' ? namedBy(mesh, one.id) : []))),
    ...(rules.some(readsRequest) ? ofCells(mesh.cells.values()) : []),
  ]);
}

/** For the Service that has the identity, if any: `eachCell` means all existing ones. */
function namedBy(mesh: MeshIr, id: SpiffeId): readonly Origin[] {
  const service = mesh.serviceOf.get(id);
  return service === undefined ? [] : [whole(`Service/${service}`)];
}

function distinct(origins: readonly Origin[]): readonly Origin[] {
  return [...new Map(origins.map((origin) => [JSON.stringify([origin.document, origin.path]), origin])).values()];
}
