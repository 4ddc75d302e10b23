// What is resolved from one state of the documents to the next is what would be resolved from nothing; and of what a change does not
// concern, nothing is resolved.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ParsedDocument } from '../../src/model/parsed-document.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';
import { createResolver } from '../../src/policy/resolve/resolver.ts';
import { sortDocuments } from '../../src/store/plan-changes.ts';
import { qualifying } from '../support/figure.ts';
import { plainMaps } from '../support/plain-maps.ts';
import { edited, edits, firstWorld, type World } from '../support/random-edits.ts';
import { documentsOf, policyText, serviceText, yaml } from '../support/resolve-text.ts';

/** Each document in a file of its own, parsed again only where its text is another. */
function createReader() {
  const known = new Map<string, ParsedDocument>();
  return (world: World): readonly ParsedDocument[] =>
    sortDocuments(
      [...world].map(([name, text]) => {
        const there = known.get(`${name} ${text}`);
        const [document] = there === undefined ? documentsOf(yaml(text), `${name}.yaml`) : [there];
        if (document === undefined) throw new Error(`nothing in ${name}`);
        known.set(`${name} ${text}`, document);
        return document;
      }),
    );
}

/** With the order of maps, and without what cannot be compared. */
function plain(value: unknown): unknown {
  return JSON.stringify(value, (_, one: unknown) =>
    one instanceof Map ? ['Map', ...one] : one instanceof Set ? ['Set', ...one] : one,
  );
}

it('resolves as from nothing, whatever came before (property)', () => {
  const seen = { resolved: 0, unresolved: 0, warned: 0 };
  fc.assert(
    fc.property(fc.array(fc.tuple(edits, fc.boolean()), { minLength: 3, maxLength: 12 }), (steps) => {
      const read = createReader();
      const resolver = createResolver();
      let world = firstWorld;
      for (const [todo, isTrial] of [[[], false] as const, ...steps]) {
        const next = edited(world, todo);
        const documents = read(next);
        const scratch = resolve(documents);
        const resolution = resolver.resolve(documents);
        expect(plain(resolution)).toBe(plain(scratch));
        seen[resolution.kind] += 1;
        if (resolution.kind === 'resolved' && resolution.warnings.length > 0) seen.warned += 1;
        // What was only tried is followed by a change of what was before.
        if (resolution.kind === 'resolved' && !isTrial) world = next;
      }
    }),
    { numRuns: qualifying ? 1500 : 60 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
}, 240_000);

it('resolves the documents that a change concerns, and gives all others as they were', () => {
  const read = createReader();
  let counted = 0;
  const resolver = createResolver({
    onDocuments(count) {
      counted += count;
    },
  });
  const resolved = (world: World) => {
    counted = 0;
    const resolution = resolver.resolve(read(world));
    if (resolution.kind === 'unresolved') throw new Error(JSON.stringify(resolution.problems));
    return { mesh: resolution.mesh, counted };
  };
  const many = Array.from({ length: 30 }, (_, index): [string, string] => [
    `Service s${index}`,
    serviceText(`s${index}`, 'http1', `, dependsOn: [{service: s${(index + 1) % 30}, listen: 9000}]`),
  ]);
  const base: World = new Map([
    ...firstWorld,
    ...many,
    ['Policy p', policyText('p', 's1', 'allow', '[{from: [{service: s0}]}]')],
  ]);
  const first = resolved(base);
  expect(first.counted).toBe(base.size);
  expect(resolved(base)).toEqual({ mesh: first.mesh, counted: 0 });
  // The policy, what it targets, and the one service that depends on that.
  const denied = resolved(new Map(base).set('Policy q', policyText('q', 's1', 'deny', '[{from: [{service: s0}]}]')));
  expect(denied.counted).toBe(3);
  expect(denied.mesh.identities).toBe(first.mesh.identities);
  expect(denied.mesh.callers).toBe(first.mesh.callers);
  const others = [...denied.mesh.services].filter(([key, service]) => service !== first.mesh.services.get(key));
  expect(others.map(([key]) => key)).toEqual(['s1']);
  resolved(base);
  // A comment says nothing new: who depends on the service is not looked at again.
  const commented = resolved(new Map(base).set('Service s5', `${many[5]?.[1]} # why`));
  expect(commented.counted).toBe(1);
  expect(plainMaps(commented.mesh.services)).toEqual(plainMaps(first.mesh.services));
});

it('begins anew after an exception', () => {
  const read = createReader();
  const resolver = createResolver();
  const documents = read(firstWorld);
  resolver.resolve(documents);
  const broken = documents.map((document) =>
    document.key === 'Service/a'
      ? {
          ...document,
          get document(): never {
            throw new Error('broken');
          },
        }
      : document,
  );
  expect(() => resolver.resolve(broken)).toThrow('broken');
  expect(plain(resolver.resolve(documents))).toBe(plain(resolve(documents)));
});
