// Of a port's two filters that both change, one is in force with the other's predecessor for a moment. Checked against a model of what is
// decided in that moment, over random states of both.
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { RBACSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { lookedUpPolicy } from '../../src/lib/inbound-filters.ts';
import { encodeResource } from '../../src/xds/resources/encode.ts';
import { filterOrder } from '../../src/xds/resources/filter-order.ts';
import type { EncodedResource } from '../../src/xds/resources/snapshot.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';

const names = { deny: 'cell-1/api/authz-deny', allow: 'cell-1/api/authz-allow' };

/** Policies are calls by name. `tree`: the deny filter finds them, and the allow filter takes the result. */
interface State {
  readonly deny: readonly string[];
  readonly rest: readonly string[];
  readonly tree: readonly string[] | undefined;
}

function filter(name: string, policies: readonly string[], stamp = ''): EncodedResource {
  const all = Object.fromEntries(policies.map((policy) => [policy, {}]));
  const rbac = create(RBACSchema, { rules: { policies: all }, shadowRulesStatPrefix: stamp });
  const config = create(TypedExtensionConfigSchema, { name, typedConfig: anyPack(RBACSchema, rbac) });
  return encodeResource(typeUrls.extension, name, toBinary(TypedExtensionConfigSchema, config));
}

function resourcesOf({ deny, rest, tree }: State): ReadonlyMap<string, EncodedResource> {
  const looks = tree === undefined ? [] : [lookedUpPolicy];
  return new Map([
    [names.deny, filter(names.deny, deny, tree?.join())],
    [names.allow, filter(names.allow, [...rest, ...looks])],
  ]);
}

const lets = (denies: State, allows: State, call: string): boolean =>
  !denies.deny.includes(call) &&
  (allows.rest.includes(call) || (allows.tree !== undefined && denies.tree?.includes(call) === true));

function firstSent(from: State, to: State): string | undefined {
  const [before, after] = [resourcesOf(from), resourcesOf(to)];
  const changed = [...after.values()].filter(({ name, version }) => before.get(name)?.version !== version);
  return changed.length < 2 ? undefined : filterOrder(changed, after, (name) => before.get(name))[0]?.name;
}

const calls = ['a', 'b', 'c', 'd'];
const some = fc.subarray(calls);
const states = fc.record({
  deny: fc.oneof(fc.constant([]), some),
  rest: some,
  tree: fc.option(some, { nil: undefined }),
});
const hasAll = (set: readonly string[], wanted: readonly string[]): boolean => wanted.every((one) => set.includes(one));
const turnsBothWays = (a: readonly string[], b: readonly string[]): boolean => !hasAll(a, b) && !hasAll(b, a);

describe('the first of two changed filters', () => {
  it('lets nothing through that neither state allows, and refuses nobody whom both allow', () => {
    let [leaks, losses] = [0, 0];
    fc.assert(
      fc.property(states, states, (from, to) => {
        const first = firstSent(from, to);
        if (first === undefined) return;
        const decide = (call: string): boolean => (first === names.deny ? lets(to, from, call) : lets(from, to, call));
        for (const call of calls) {
          const [was, will] = [lets(from, from, call), lets(to, to, call)];
          if (!was && !will && !turnsBothWays(from.deny, to.deny)) {
            leaks += 1;
            expect(decide(call)).toBe(false);
          }
          const sameDenials = hasAll(from.deny, to.deny) && hasAll(to.deny, from.deny);
          const moved = from.tree !== undefined && to.tree !== undefined && turnsBothWays(from.rest, to.rest);
          if (was && will && sameDenials && !moved) {
            losses += 1;
            expect(decide(call)).toBe(true);
          }
        }
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(leaks, losses)).toBeGreaterThan(100);
  });

  it('is the deny filter if it is not known what the client has', () => {
    const after = resourcesOf({ deny: [], rest: [], tree: undefined });
    const reversed = [...after.values()].reverse();
    expect(filterOrder(reversed, after, () => undefined).map(({ name }) => name)).toEqual([names.deny, names.allow]);
  });
});
