// Puts drafts, dependencies and policies together: the services of the IR, each the same object as before if none of its parts has changed.
import { differing } from '../../lib/differing.ts';
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

/** `put` keeps what it made last time, for the next time. */
export function createServices(defaults: MeshDefaults): Services {
  const targets = new Map<ServiceKey, Authorized>();
  let grouped: ServiceParts['policies'] = [];
  let put = new Map<ServiceKey, Put>();
  let services: ReadonlyMap<ServiceKey, ServiceIr> = new Map();
  let last: ServiceParts | undefined;
  const authorize = (policies: readonly PolicyDraft[]): Authorized => {
    const problems = createProblems();
    return { policies, of: resolveAuthorization(policies, { defaults, problems }), problems: problems.all() };
  };
  const untargeted = authorize(noPolicies);
  /** Results whose policies have changed. */
  const group = (policies: ServiceParts['policies']): ReadonlySet<ServiceKey> => {
    const { before, after } = differing(grouped, policies);
    const others = new Set([...before, ...after].flatMap(({ value }) => value?.target ?? []));
    grouped = policies;
    if (others.size === 0) return others;
    const own = new Map<ServiceKey, PolicyDraft[]>();
    for (const { value } of policies) {
      if (value === undefined || !others.has(value.target)) continue;
      const list = own.get(value.target);
      if (list === undefined) own.set(value.target, [value]);
      else list.push(value);
    }
    for (const key of others) {
      const now = own.get(key);
      const there = targets.get(key);
      if (now === undefined) targets.delete(key);
      else if (there === undefined || !sameItems(there.policies, now)) targets.set(key, authorize(now));
    }
    return others;
  };
  const one = (
    key: ServiceKey,
    draft: ServiceDraft,
    { dependencies, rawResources }: Pick<ServiceParts, 'dependencies' | 'rawResources'>,
  ): Put => {
    const authorized = targets.get(key) ?? untargeted;
    const dependsOn = dependencies.get(key) ?? [];
    const rawPatches = rawResources.length === 0 ? [] : rawPatchesOf(rawResources, draft.spiffeId);
    const raw = rawPatches.length === 0 ? '' : JSON.stringify(rawPatches);
    const there = put.get(key);
    if (
      there?.draft === draft &&
      there.dependsOn === dependsOn &&
      there.authorized === authorized &&
      there.raw === raw
    ) {
      return there;
    }
    const patched = rawPatches.length > 0 ? { rawPatches } : {};
    const ports = draft.ports.map((port) => ({ ...port, authorization: authorized.of(port), ...patched }));
    const service = share(there?.service, { ...draft, ports, dependsOn, ...patched });
    return { draft, dependsOn, authorized, raw, service };
  };
  return {
    put(parts) {
      const { drafts, dependencies, policies, rawResources } = parts;
      const others = group(policies);
      const onlyPolicies =
        last?.drafts === drafts &&
        last.dependencies === dependencies &&
        last.rawResources.length + rawResources.length === 0;
      last = parts;
      if (onlyPolicies) {
        const changed: [ServiceKey, ServiceIr][] = [];
        for (const key of others) {
          const draft = drafts.get(key);
          if (draft === undefined) continue;
          const made = one(key, draft, parts);
          if (made.service !== put.get(key)?.service) changed.push([key, made.service]);
          put.set(key, made);
        }
        if (changed.length > 0) {
          const next = new Map(services);
          for (const [key, service] of changed) next.set(key, service);
          services = next;
        }
      } else {
        const next = new Map([...drafts].map(([key, draft]) => [key, one(key, draft, parts)]));
        put = next;
        services = share(services, new Map([...next].map(([key, { service }]) => [key, service])));
      }
      return { services, problems: problemsOf(policies, targets) };
    },
  };
}

/** In the order in which services are first targeted, whatever the previous state was. */
function problemsOf(
  policies: ServiceParts['policies'],
  targets: ReadonlyMap<ServiceKey, Authorized>,
): readonly Problem[] {
  const warned = new Set<ServiceKey>();
  for (const [key, { problems }] of targets) if (problems.length > 0) warned.add(key);
  if (warned.size === 0) return [];
  const found: Problem[] = [];
  for (const { value } of policies) {
    if (value === undefined || !warned.delete(value.target)) continue;
    found.push(...(targets.get(value.target)?.problems ?? []));
  }
  return found;
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
