// Documents → IR: every reference looked up, every default filled in, every contradiction reported at once with its line. Pure, and the
// only way to a MeshIr, so that an unresolved state can never reach a proxy. No document can cut a proxy off from its control plane:
// policies target services, and the xDS and identity ports are not services.

import { defined } from '../../lib/defined.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { callersOf } from '../callers.ts';
import type { DependencyIr, MeshIr, ServiceIr, ServiceKey } from '../ir.ts';
import { createDescriptorLookup } from './descriptor-lookup.ts';
import { createNames, documentsByKind, serviceKey } from './names.ts';
import { createProblems } from './problems.ts';
import { resolveAuthorization } from './resolve-authorization.ts';
import { resolveDependencies } from './resolve-dependencies.ts';
import { resolveKinds } from './resolve-kinds.ts';
import { resolveCells, resolveMeshDefaults, warnOfNobodysBreakGlass } from './resolve-mesh.ts';
import { rawPatchesOf, resolveRaws } from './resolve-raw.ts';
import { resolveService, type ServiceDraft } from './resolve-service.ts';
import { resolveWorkloads } from './resolve-workloads.ts';
import { warnOfRefusedDependencies } from './warn-of-refused-dependencies.ts';
import { warnOfRisks } from './warn-of-risks.ts';

export type Resolution =
  | { readonly kind: 'resolved'; readonly mesh: MeshIr; readonly warnings: readonly Problem[] }
  | { readonly kind: 'unresolved'; readonly problems: readonly Problem[] };

/** A mesh, or everything that is wrong with the documents (including warnings). Callers keep the result. */
export function resolve(documents: readonly ParsedDocument[]): Resolution {
  const problems = createProblems();
  const byKind = documentsByKind(documents, problems);
  const defaults = resolveMeshDefaults(byKind.meshes, documents, problems);
  const { document, trustDomain, svidLifetimeMs, legacyAuthorities, jwtIssuers, breakGlass } = defaults;
  const cells = resolveCells(byKind.cells, problems);
  const keys = new Set(byKind.services.map(({ document: { metadata } }) => serviceKey(metadata.name, metadata.cell)));
  const names = createNames(keys, cells, problems);

  const workloads = resolveWorkloads(byKind.workloads, { defaults, names, problems });
  const drafts = new Map<ServiceKey, ServiceDraft>();
  for (const parsed of byKind.services) {
    const draft = resolveService(parsed, { defaults, names, workloads: workloads.exact, problems });
    drafts.set(draft.key, draft);
  }
  const dependencies = new Map<ServiceKey, readonly DependencyIr[]>();
  for (const parsed of byKind.services) {
    const key = serviceKey(parsed.document.metadata.name, parsed.document.metadata.cell);
    dependencies.set(key, resolveDependencies(parsed, key, { names, drafts, problems }));
  }
  const identities = workloads.withServices(drafts.values());
  warnOfNobodysBreakGlass(byKind.meshes[0], identities, problems);
  const serviceOf = new Map([...drafts.values()].map(({ spiffeId, key }) => [spiffeId, key]));
  const descriptors = createDescriptorLookup(byKind.services, problems);
  const authorizationOf = resolveAuthorization(byKind.policies, {
    descriptors,
    defaults,
    names,
    problems,
    drafts,
    dependencies,
    identities,
  });
  const services = new Map<ServiceKey, ServiceIr>();
  const kinds = resolveKinds(byKind.all, { defaults, names, problems });
  const rawResources = resolveRaws(byKind.raws, { names, problems, drafts, identities });
  for (const draft of drafts.values()) {
    const rawPatches = rawPatchesOf(rawResources, draft.spiffeId);
    const raw = rawPatches.length > 0 ? { rawPatches } : {};
    const ports = draft.ports.map((port) => ({ ...port, authorization: authorizationOf(port), ...raw }));
    services.set(draft.key, { ...draft, ports, dependsOn: dependencies.get(draft.key) ?? [], ...raw });
  }

  const found = problems.all();
  if (found.some(({ severity }) => severity === 'error')) return { kind: 'unresolved', problems: found };
  // Only for documents that fit together: otherwise they would repeat what an error has already said.
  warnOfRisks(byKind, problems);
  warnOfRefusedDependencies(byKind.services, { services, breakGlass }, problems);
  const mesh: MeshIr = {
    document,
    trustDomain,
    svidLifetimeMs,
    cells,
    services,
    serviceOf,
    callers: callersOf(services.values()),
    identities,
    legacyAuthorities,
    jwtIssuers,
    breakGlass,
    ...(rawResources.length > 0 ? { rawResources } : {}),
    ...defined({ kinds }),
  };
  return { kind: 'resolved', mesh, warnings: problems.all() };
}
