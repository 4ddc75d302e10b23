// All states of the documents with the same Mesh, cells, Workloads and TrustBundles: what was made in one of them is kept in the next as
// long as everything that was looked up for it is the same.
import { defined } from '../../lib/defined.ts';
import { share } from '../../lib/share.ts';
import { createReader, createTrackedMap, forgetReader, type Reader } from '../../lib/tracked-map.ts';
import type { AuthorizationPolicy } from '../../model/documents/authorization-policy.ts';
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import { callersOf } from '../callers.ts';
import type { DependencyIr, IdentitiesIr, MeshIr, PortKey, ServiceIr, ServiceKey, WorkloadIr } from '../ir.ts';
import { readDescriptors } from './descriptor-lookup.ts';
import type { GrpcDescriptors } from './grpc-descriptors.ts';
import { createNames, type DocumentsByKind, serviceKey } from './names.ts';
import { createPass, type Made } from './pass.ts';
import { createProblems, type Problems } from './problems.ts';
import { resolveDependencies } from './resolve-dependencies.ts';
import { resolveKinds } from './resolve-kinds.ts';
import { resolveCells, resolveMeshDefaults, warnOfNobodysBreakGlass } from './resolve-mesh.ts';
import { type PolicyDraft, resolvePolicy } from './resolve-policy.ts';
import { resolveRaws } from './resolve-raw.ts';
import { resolveService, type ServiceDraft } from './resolve-service.ts';
import { resolveTrustBundles } from './resolve-trust-bundles.ts';
import { resolveWorkloads } from './resolve-workloads.ts';
import { createServices } from './services.ts';
import { warnOfRefusedDependencies } from './warn-of-refused-dependencies.ts';
import { warnOfRisks } from './warn-of-risks.ts';

export type Resolution =
  | { readonly kind: 'resolved'; readonly mesh: MeshIr; readonly warnings: readonly Problem[] }
  | { readonly kind: 'unresolved'; readonly problems: readonly Problem[] };

export interface Domain {
  /**
   * `byKind` has the Mesh, cells, Workloads and TrustBundles that it was made with; `made` receives the documents of which something was
   * made. Undefined: what those mean has changed, and everything has to be resolved again.
   */
  resolve(byKind: DocumentsByKind, before: readonly Problem[], made: Set<ParsedDocument>): Resolution | undefined;
}

/** For the documents with this Mesh, these cells and these Workloads. */
export function createDomain({
  meshes,
  cells: cellDocuments,
  workloads: workloadDocuments,
  trustBundles: trustBundleDocuments,
  all,
}: DocumentsByKind): Domain {
  const first = createProblems();
  const ofMesh = resolveMeshDefaults(meshes, all, first);
  const trustBundles = resolveTrustBundles(trustBundleDocuments, ofMesh.trustDomain, first);
  const defaults = { ...ofMesh, trustBundles };
  const cells = resolveCells(cellDocuments, first);
  /** Whether it is outside of the mesh. */
  const known = createTrackedMap<ServiceKey, boolean>();
  const drafts = createTrackedMap<ServiceKey, ServiceDraft>();
  const serviceOf = createTrackedMap<SpiffeId, ServiceKey>();
  const exact = createTrackedMap<SpiffeId, WorkloadIr>();
  const dependencies = createTrackedMap<ServiceKey, readonly DependencyIr[]>();
  const descriptors = createTrackedMap<PortKey, GrpcDescriptors>();
  const services = createTrackedMap<ServiceKey, ServiceIr>();
  let making = new Set<ParsedDocument>(meshes);
  const onMade = (document: ParsedDocument): void => void making.add(document);
  const namesFor = (reader: Reader, problems: Problems) => createNames(known.seenBy(reader), cells, problems);

  /** Undefined until they are resolved, with the names of the first state. */
  let workloads: ReturnType<typeof resolveWorkloads> | undefined;
  let outdated = false;
  const ofWorkloads = createReader(() => {
    outdated = true;
  });
  const workloadProblems = createProblems();
  let identities: { readonly value: IdentitiesIr; readonly problems: readonly Problem[] } | undefined;
  let identitiesOf: ReadonlyMap<ServiceKey, ServiceDraft> | undefined;
  const together = createServices(defaults);

  const draftPass = createPass<ParsedDocument<Service>, ServiceDraft>((document, reader, problems) => {
    const names = namesFor(reader, problems);
    return resolveService(document, { defaults, names, workloads: workloads?.exact ?? new Map(), problems });
  }, onMade);
  const dependencyPass = createPass<ParsedDocument<Service>, readonly DependencyIr[]>((document, reader, problems) => {
    const names = namesFor(reader, problems);
    return resolveDependencies(document, keyOf(document), { names, drafts: drafts.seenBy(reader), problems });
  }, onMade);
  const descriptorPass = createPass<ParsedDocument<Service>, ReturnType<typeof readDescriptors>>(
    (document, _, problems) => readDescriptors(document, problems),
    onMade,
  );
  const policyPass = createPass<ParsedDocument<AuthorizationPolicy>, PolicyDraft | undefined>(
    (document, reader, problems) => {
      const read = descriptors.seenBy(reader);
      return resolvePolicy(document, {
        ...{ defaults, problems, names: namesFor(reader, problems) },
        ...{ drafts: drafts.seenBy(reader), serviceOf: serviceOf.seenBy(reader) },
        dependencies: dependencies.seenBy(reader),
        descriptors: (port) => read.get(port),
        identities: { exact: exact.seenBy(reader), templates: identities?.value.templates ?? [] },
      });
    },
    onMade,
  );
  const riskPass = () =>
    createPass<ParsedDocument, void>((document, _, problems) => warnOfRisks(document, problems), onMade);
  const risks = { ofFew: riskPass(), ofServices: riskPass(), ofPolicies: riskPass() };
  const few = [...meshes, ...workloadDocuments, ...trustBundleDocuments];
  const refusedPass = createPass<ParsedDocument<Service>, void>((document, reader, problems) => {
    const { breakGlass } = defaults;
    warnOfRefusedDependencies(document, { services: services.seenBy(reader), breakGlass }, problems);
  }, onMade);

  /** What those maps were last made from. */
  let keysOf: readonly ParsedDocument<Service>[] | undefined;
  let keys: readonly ServiceKey[] = [];
  let draftsOf: unknown;
  let dependenciesOf: unknown;
  let descriptorsOf: unknown;
  const takeServices = (documents: readonly ParsedDocument<Service>[]) => {
    if (documents !== keysOf) {
      keysOf = documents;
      keys = documents.map(keyOf);
      const all = documents.map(({ document: { spec } }) => spec.external !== undefined);
      if (!sameKnown(keys, all, known.now())) known.replace(new Map(keys.map((key, at) => [key, all[at] === true])));
    }
    if (outdated) return undefined;
    workloads ??= resolveWorkloads(workloadDocuments, {
      ...{ defaults, problems: workloadProblems },
      names: namesFor(ofWorkloads, workloadProblems),
    });
    const found = draftPass.run(documents);
    if (found !== draftsOf) drafts.replace(sharedMap(drafts.now(), keys, found));
    draftsOf = found;
    const reached = dependencyPass.run(documents);
    if (reached !== dependenciesOf) dependencies.replace(sharedMap(dependencies.now(), keys, reached));
    dependenciesOf = reached;
    if (identities === undefined || identitiesOf !== drafts.now()) {
      const problems = createProblems();
      const value = share(identities?.value, workloads.withServices(drafts.now().values(), problems));
      warnOfNobodysBreakGlass(meshes[0], value, problems);
      identities = { value, problems: problems.all() };
      identitiesOf = drafts.now();
      exact.replace(value.exact);
      serviceOf.replace(
        share(
          serviceOf.now(),
          new Map([...drafts.now()].flatMap(([key, { spiffeId, external }]) => (external ? [] : [[spiffeId, key]]))),
        ),
      );
    }
    const read = descriptorPass.run(documents);
    if (read !== descriptorsOf) {
      descriptors.replace(share(descriptors.now(), new Map(read.flatMap(({ value }) => value))));
    }
    descriptorsOf = read;
    const problems = [draftPass.problems(), dependencyPass.problems(), identities.problems, descriptorPass.problems()];
    return { identities, problems };
  };
  let callers: { readonly of: unknown; readonly ofDrafts: unknown; readonly value: MeshIr['callers'] } | undefined;

  return {
    resolve(byKind, before, made) {
      making = made;
      if (workloads === undefined) for (const document of [...few, ...cellDocuments]) made.add(document);
      const taken = takeServices(byKind.services);
      if (taken === undefined) {
        forgetReader(ofWorkloads);
        return undefined;
      }
      const policies = policyPass.run(byKind.policies);
      const last = createProblems();
      const names = createNames(known.now(), cells, last);
      const kinds = resolveKinds(byKind.all, { defaults, names, problems: last });
      const rawResources = resolveRaws(byKind.raws, {
        ...{ names, problems: last, drafts: drafts.now(), identities: taken.identities.value },
      });
      const put = together.put({ drafts: drafts.now(), dependencies: dependencies.now(), policies, rawResources });
      services.replace(put.services);
      const found = [
        ...before,
        ...first.all(),
        ...workloadProblems.all(),
        ...taken.problems.flat(),
        ...policyPass.problems(),
        ...put.problems,
        ...last.all(),
      ];
      if (found.some(({ severity }) => severity === 'error')) return { kind: 'unresolved', problems: found };
      // Only for documents that fit together: otherwise they would repeat what an error says.
      risks.ofFew.run(few);
      risks.ofServices.run(byKind.services);
      risks.ofPolicies.run(byKind.policies);
      refusedPass.run(byKind.services);
      const warnings = [risks.ofFew, risks.ofServices, risks.ofPolicies, refusedPass].flatMap((pass) =>
        pass.problems(),
      );
      if (callers?.of !== dependencies.now() || callers.ofDrafts !== drafts.now()) {
        const value = share(callers?.value, callersOf(put.services.values()));
        callers = { of: dependencies.now(), ofDrafts: drafts.now(), value };
      }
      const { document, trustDomain, svidLifetimeMs, legacyAuthorities, jwtIssuers, breakGlass } = defaults;
      const mesh: MeshIr = {
        ...{ document, trustDomain, svidLifetimeMs, cells, services: put.services, serviceOf: serviceOf.now() },
        ...{ callers: callers.value, identities: taken.identities.value, legacyAuthorities, jwtIssuers, breakGlass },
        ...(trustBundles.size > 0 ? { trustBundles } : {}),
        ...(rawResources.length > 0 ? { rawResources } : {}),
        ...defined({ kinds }),
      };
      return { kind: 'resolved', mesh, warnings: [...found, ...warnings] };
    },
  };
}

function keyOf({ document: { metadata } }: ParsedDocument<Service>): ServiceKey {
  return serviceKey(metadata.name, metadata.cell);
}

function sameKnown(
  keys: readonly ServiceKey[],
  external: readonly boolean[],
  known: ReadonlyMap<ServiceKey, boolean>,
): boolean {
  const others = known.entries();
  return (
    keys.length === known.size &&
    keys.every((key, at) => {
      const [other, is] = others.next().value ?? [];
      return other === key && is === external[at];
    })
  );
}

/** The same map if nothing has changed; otherwise the same values where they are equal. */
function sharedMap<V>(
  before: ReadonlyMap<ServiceKey, V>,
  keys: readonly ServiceKey[],
  made: readonly Made<V>[],
): ReadonlyMap<ServiceKey, V> {
  const values = made.map(({ value }, index): readonly [ServiceKey, V] => {
    const key = keys[index];
    if (key === undefined) throw new Error('something was made of no document');
    return [key, share(before.get(key), value)];
  });
  const others = before.entries();
  const same =
    values.length === before.size &&
    values.every(([key, value]) => {
      const [otherKey, other] = others.next().value ?? [];
      return otherKey === key && other === value;
    });
  return same ? before : new Map(values);
}
