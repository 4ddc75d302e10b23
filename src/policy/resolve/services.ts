// Puts drafts, dependencies and policies together: the services of the IR, each the same object as before if none of its parts has changed.
import { differing } from '../../lib/differing.ts';
import { withValues } from '../../lib/in-step.ts';
import { share } from '../../lib/share.ts';
import type { Problem } from '../../model/problem.ts';
import type { DependencyIr, ServiceIr, ServiceKey } from '../ir.ts';
import type { RawIr } from '../raw-ir.ts';
import { federatedWith } from './federated-with.ts';
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
  /** Those of them with problems. */
  const warned = new Set<ServiceKey>();
  let grouped: ServiceParts['policies'] = [];
  let put = new Map<ServiceKey, Put>();
  let services: ReadonlyMap<ServiceKey, ServiceIr> = new Map();
  let last: ServiceParts | undefined;
  const authorize = (policies: readonly PolicyDraft[]): Authorized => {
    const problems = createProblems();
    return { policies, of: resolveAuthorization(policies, { defaults, problems }), problems: problems.all() };
  };
  const untargeted = authorize(noPolicies);
  /** By service, if each policy took the place of one of the same service: of these, the lists that there were, with the new ones. */
  const inPlace = (
    before: ServiceParts['policies'],
    after: ServiceParts['policies'],
  ): ReadonlyMap<ServiceKey, readonly PolicyDraft[]> | undefined => {
    if (before.length !== after.length) return undefined;
    const found = new Map<ServiceKey, readonly PolicyDraft[]>();
    for (const [index, { value: old }] of before.entries()) {
      const value = after[index]?.value;
      if (old === undefined || value?.target !== old.target) return undefined;
      const list = found.get(old.target) ?? targets.get(old.target)?.policies;
      if (list === undefined) return undefined;
      found.set(
        old.target,
        list.map((one) => (one === old ? value : one)),
      );
    }
    return found;
  };
  /** Results whose policies have changed. */
  const group = (policies: ServiceParts['policies']): ReadonlySet<ServiceKey> => {
    const { before, after } = differing(grouped, policies);
    const others = new Set([...before, ...after].flatMap(({ value }) => value?.target ?? []));
    grouped = policies;
    if (others.size === 0) return others;
    const own = inPlace(before, after) ?? gathered(policies, others);
    for (const key of others) {
      const now = own.get(key);
      const there = targets.get(key);
      if (there !== undefined && now !== undefined && sameItems(there.policies, now)) continue;
      targets.delete(key);
      warned.delete(key);
      if (now === undefined) continue;
      const authorized = authorize(now);
      targets.set(key, authorized);
      if (authorized.problems.length > 0) warned.add(key);
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
    const ports = draft.ports.map((port) => {
      const authorization = authorized.of(port);
      const federated = federatedWith(port.mtls, authorization, defaults.trustBundles);
      return { ...port, authorization, ...(federated.length > 0 ? { federated } : {}), ...patched };
    });
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
        services = withValues(services, changed);
      } else {
        const next = new Map([...drafts].map(([key, draft]) => [key, one(key, draft, parts)]));
        put = next;
        services = share(services, new Map([...next].map(([key, { service }]) => [key, service])));
      }
      return { services, problems: problemsOf(policies, targets, warned) };
    },
  };
}

function gathered(
  policies: ServiceParts['policies'],
  targets: ReadonlySet<ServiceKey>,
): ReadonlyMap<ServiceKey, readonly PolicyDraft[]> {
  const own = new Map<ServiceKey, PolicyDraft[]>();
  for (const { value } of policies) {
    if (value === undefined || !targets.has(value.target)) continue;
    const list = own.get(value.target);
    if (list === undefined) own.set(value.target, [value]);
    else list.push(value);
  }
  return own;
}

/** In the order in which services are first targeted, whatever the previous state was. */
function problemsOf(
  policies: ServiceParts['policies'],
  targets: ReadonlyMap<ServiceKey, Authorized>,
  warned: ReadonlySet<ServiceKey>,
): readonly Problem[] {
  if (warned.size === 0) return [];
  const left = new Set(warned);
  const found: Problem[] = [];
  for (const { value } of policies) {
    if (value === undefined || !left.delete(value.target)) continue;
    found.push(...(targets.get(value.target)?.problems ?? []));
    if (left.size === 0) break;
  }
  return found;
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
