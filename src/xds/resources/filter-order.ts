// In which order changed extension configs are sent, one a response: Envoy applies responses as they come, so that no worker has a later
// one without the earlier. A port's deny filter and its allow filter decide together; if both change, the one that is sent first is in
// force with the other's predecessor for a moment. Then nothing may get through that neither state allows, and, unless that forbids it,
// whoever both states allow is not refused.
import { equals, fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { type Policy, PolicySchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { type InboundFilterName, lookedUpPolicy } from '../../lib/inbound-filters.ts';
import type { EncodedResource } from './snapshot.ts';

const deny: InboundFilterName = 'authz-deny';
const allow: InboundFilterName = 'authz-allow';
const denyOf: ReadonlyMap<string, string> = new Map([
  [allow, deny],
  [`${allow}-tcp`, `${deny}-tcp`],
]);

/** As `all` has them, a deny filter before its allow filter; but the allow filter first where it has to be. */
export function filterOrder(
  changed: readonly EncodedResource[],
  all: ReadonlyMap<string, EncodedResource>,
  /** What the client has, if that is known. */
  before: (name: string) => EncodedResource | undefined,
): readonly EncodedResource[] {
  if (changed.length < 2) return changed;
  const names = new Set(changed.map(({ name }) => name));
  const inChain = [...all.values()].filter(({ name }) => names.has(name));
  const early = new Set(inChain.filter(({ name }) => comesFirst(name)));
  return early.size === 0 ? inChain : [...early, ...inChain.filter((one) => !early.has(one))];

  function comesFirst(name: string): boolean {
    const [port, filter] = [name.slice(0, name.lastIndexOf('/')), name.slice(name.lastIndexOf('/') + 1)];
    const partner = denyOf.get(filter);
    const denials = partner !== undefined && names.has(`${port}/${partner}`) ? turn(`${port}/${partner}`) : undefined;
    const allowed = denials && turn(name);
    return allowed !== undefined && denials !== undefined && allowFirst(denials, allowed);
  }

  function turn(name: string): Turn | undefined {
    // Most often nothing: who has just come has no state before.
    const from = policiesOf(before(name));
    const to = from && policiesOf(all.get(name));
    return from && to && { from, to };
  }
}

type Policies = Readonly<Record<string, Policy>>;
interface Turn {
  readonly from: Policies;
  readonly to: Policies;
}

function allowFirst(denials: Turn, allowed: Turn): boolean {
  // What the allow filter newly allows may be among what is newly denied.
  if (!hasAll(denials.from, denials.to)) return false;
  // What is no longer denied may be among what is no longer allowed.
  if (!hasAll(denials.to, denials.from)) return true;
  // The deny filter also finds the right one of many rules, for an allow filter that takes its result.
  if (allowed.from[lookedUpPolicy] === undefined) return false;
  if (allowed.to[lookedUpPolicy] === undefined) return true;
  // Both states look up: a rule that moved into the allow filter is there before it leaves the other, and the reverse.
  return hasAll(allowed.to, allowed.from);
}

function hasAll(policies: Policies, wanted: Policies): boolean {
  return Object.entries(wanted).every(([name, policy]) => {
    const there = policies[name];
    return there !== undefined && equals(PolicySchema, there, policy);
  });
}

function policiesOf(resource: EncodedResource | undefined): Policies | undefined {
  if (resource === undefined) return undefined;
  // Another type, of a raw resource, has none.
  const { typedConfig } = fromBinary(TypedExtensionConfigSchema, resource.value);
  if (typedConfig === undefined) return undefined;
  const rbac = anyUnpack(typedConfig, HttpRbacSchema) ?? anyUnpack(typedConfig, NetworkRbacSchema);
  return rbac?.rules?.policies;
}
