// Drafts, dependencies and policies put together: the services of the IR, each the very same as before where none of its parts is another.
import { share } from '../../lib/share.ts';
import type { Problem } from '../../model/problem.ts';
import type { DependencyIr, ServiceIr, ServiceKey } from '../ir.ts';
import type { RawIr } from '../raw-ir.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Made } from './pass.ts';
import { createProblems } from './problems.ts';
import { resolveAuthorization } from './resolve-authorization.ts';
import type { PolicyDraft } from './resolve-policy.ts';
import { rawPatchesOf } from './resolve-raw.ts';
import type { ServiceDraft } from './resolve-service.ts';

export interface ServiceParts {
  readonly drafts: ReadonlyMap<ServiceKey, ServiceDraft>;
  readonly dependencies: ReadonlyMap<ServiceKey, readonly DependencyIr[]>;
  /** In the order of the documents. */
  readonly policies: readonly Made<PolicyDraft | undefined>[];
  readonly rawResources: readonly RawIr[];
}

export interface Services {
  put(parts: ServiceParts): {
    readonly services: ReadonlyMap<ServiceKey, ServiceIr>;
    /** In the order in which services are first targeted. */
    readonly problems: readonly Problem[];
  };
}

interface Authorized {
  readonly policies: readonly PolicyDraft[];
  readonly of: ReturnType<typeof resolveAuthorization>;
  readonly problems: readonly Problem[];
}

interface Put {
  readonly draft: ServiceDraft;
  readonly dependsOn: readonly DependencyIr[];
  readonly authorized: Authorized;
  readonly raw: string;
  readonly service: ServiceIr;
}

const noPolicies: readonly PolicyDraft[] = [];

export function createServices(defaults: MeshDefaults): Services {
  let targets = new Map<ServiceKey, Authorized>();
  let groupedOf: ServiceParts['policies'] | undefined;
  let put = new Map<ServiceKey, Put>();
  let services: ReadonlyMap<ServiceKey, ServiceIr> = new Map();
  const authorize = (policies: readonly PolicyDraft[]): Authorized => {
    const problems = createProblems();
    return { policies, of: resolveAuthorization(policies, { defaults, problems }), problems: problems.all() };
  };
  const untargeted = authorize(noPolicies);
  const group = (policies: ServiceParts['policies']): void => {
    if (policies === groupedOf) return;
    groupedOf = policies;
    const grouped = new Map<ServiceKey, PolicyDraft[]>();
    for (const { value } of policies) {
      if (value === undefined) continue;
      const own = grouped.get(value.target);
      if (own === undefined) grouped.set(value.target, [value]);
      else own.push(value);
    }
    const before = targets;
    targets = new Map();
    for (const [key, own] of grouped) {
      const there = before.get(key);
      targets.set(key, there !== undefined && sameItems(there.policies, own) ? there : authorize(own));
    }
  };
  return {
    put({ drafts, dependencies, policies, rawResources }) {
      group(policies);
      const next = new Map<ServiceKey, Put>();
      let same = drafts.size === services.size;
      const others = services.keys();
      for (const [key, draft] of drafts) {
        const authorized = targets.get(key) ?? untargeted;
        const dependsOn = dependencies.get(key) ?? [];
        const rawPatches = rawResources.length === 0 ? [] : rawPatchesOf(rawResources, draft.spiffeId);
        const raw = rawPatches.length === 0 ? '' : JSON.stringify(rawPatches);
        const there = put.get(key);
        if (same && others.next().value !== key) same = false;
        if (
          there?.draft === draft &&
          there.dependsOn === dependsOn &&
          there.authorized === authorized &&
          there.raw === raw
        ) {
          next.set(key, there);
          continue;
        }
        const patched = rawPatches.length > 0 ? { rawPatches } : {};
        const ports = draft.ports.map((port) => ({ ...port, authorization: authorized.of(port), ...patched }));
        const service = share(there?.service, { ...draft, ports, dependsOn, ...patched });
        if (service !== there?.service) same = false;
        next.set(key, { draft, dependsOn, authorized, raw, service });
      }
      put = next;
      if (!same) services = new Map([...next].map(([key, { service }]) => [key, service]));
      return { services, problems: [...targets.values()].flatMap(({ problems }) => problems) };
    },
  };
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
