// What is made step by step, from one edit to the next, is what would be made from nothing: for random documents, edits, endpoints and
// roots, also where proxies are given one generation and another in turns. And of what an edit does not concern, nothing is made.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createConcerned } from '../../src/control/concerned.ts';
import { createKeptCuts } from '../../src/control/kept-cuts.ts';
import { createSnapshotMaker, type Inputs, type Withheld } from '../../src/control/snapshot-maker.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { share } from '../../src/lib/share.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, PortKey } from '../../src/policy/ir.ts';
import { resolve } from '../../src/policy/resolve/resolve.ts';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { encodeResource } from '../../src/xds/resources/encode.ts';
import { createInterner } from '../../src/xds/resources/interner.ts';
import type { Snapshot } from '../../src/xds/resources/snapshot.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { qualifying } from '../support/figure.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { plainMaps } from '../support/plain-maps.ts';
import { edited, edits, firstWorld, keys, type World } from '../support/random-edits.ts';
import { documentsOf, policyText, serviceText, yaml } from '../support/resolve-text.ts';

function meshOf(world: World): MeshIr | undefined {
  const resolution = resolve(documentsOf(yaml(...world.values())));
  return resolution.kind === 'resolved' ? resolution.mesh : undefined;
}

const ids = [...keys.map(idOf), 'spiffe://td1/job' as SpiffeId];
function idOf(key: string): SpiffeId {
  const [cell, name] = key.split('/');
  return (
    name === undefined ? `spiffe://td1/service/${cell}` : `spiffe://td1/cell/${cell}/service/${name}`
  ) as SpiffeId;
}

/** Two of every identity, one with all that a proxy can say of itself. */
function shapesOf(mesh: MeshIr): readonly ProxyShape[] {
  return ids.flatMap((spiffeId, index) => {
    const service = mesh.serviceOf.get(spiffeId);
    const own = { spiffeId, ...(service === undefined ? {} : { service }) };
    const application = { address: '127.0.0.1', port: 80 };
    const at = (address: string) => [
      { name: 'default', inbound: { address, port: 1000 + index }, application },
      { name: 'other', inbound: { address, port: 2000 + index }, application },
    ];
    return [
      { ...own, ports: at('10.0.0.1') },
      {
        ...{ ...own, ports: at('10.0.0.2'), loopback6: true as const },
        ...(index % 3 === 0 ? { singleServices: 'delta' as const } : {}),
      },
    ];
  });
}

const plain = (made: Snapshot | Withheld) =>
  'withheld' in made
    ? made.withheld
    : [
        made.partial,
        [...made.resources].map(([type, names]) => [
          type,
          [...names.values()].map(({ name, version }) => [name, version]),
        ]),
      ];

function createRun() {
  let translations = 0;
  const maker = createSnapshotMaker({
    ...{ interner: createInterner(), log: silentLog },
    onTranslated: () => void translations++,
  });
  const served = new Map<string, Snapshot>();
  const concerned = createConcerned();
  const last = new Map<string, { readonly shape: string; readonly made: ReturnType<typeof plain> }>();
  let before: Inputs | undefined;
  const secretOf = (id: string) => encodeResource(typeUrls.secret, id, new Uint8Array([1]), 'serial');
  return {
    /** What each proxy is served of `inputs`, and how many were translated for it. */
    serve(inputs: Inputs) {
      const earlier = translations;
      const those = before === undefined ? new Set<string>() : concerned.by(before, inputs);
      before = inputs;
      const made = shapesOf(inputs.mesh).map((shape, index) => {
        const node = `${shape.spiffeId}~${index % 2}`;
        const there = last.get(node);
        // Nobody looks at whom the change does not concern.
        if (there?.shape === JSON.stringify(shape) && concerned.has(node) && !those.has(node)) {
          return [node, there.made] as const;
        }
        const snapshot = maker.make(
          { node, shape, secret: secretOf(shape.spiffeId), before: served.get(node) },
          inputs,
        );
        if (!('withheld' in snapshot)) served.set(node, snapshot);
        concerned.set(node, maker.paths(node));
        last.set(node, { shape: JSON.stringify(shape), made: plain(snapshot) });
        return [node, plain(snapshot)] as const;
      });
      return { made, translations: translations - earlier };
    },
  };
}

it('is what would be made from nothing (property)', async () => {
  const seen = { meshes: 0, changed: 0 };
  const step = fc.record({
    edits,
    live: fc.array(fc.tuple(fc.constantFrom(...keys), fc.integer({ min: 1, max: 3 })), { maxLength: 3 }),
    roots: fc.constantFrom('ROOTS\n', 'ROOTS\n', 'OTHER\n'),
    /** An earlier generation again, between two. */
    back: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
      const run = createRun();
      const cuts = createKeptCuts({
        table: createMemoryTable(),
        clock: systemClock,
        log: silentLog,
        onChange: () => {},
      });
      const scratchCuts = createKeptCuts({
        table: createMemoryTable(),
        clock: systemClock,
        log: silentLog,
        onChange: () => {},
      });
      let world = firstWorld;
      let [mesh, inputs] = [undefined as MeshIr | undefined, undefined as Inputs | undefined];
      for (const [index, { edits: todo, live, roots, back }] of steps.entries()) {
        const next = edited(world, todo);
        const found = meshOf(next);
        if (found === undefined) continue;
        world = next;
        seen.meshes += 1;
        const earlier = inputs;
        const endpoints = new Map(
          live.map(([key, count]) => [
            key as PortKey,
            Array.from({ length: count }, (_, at) => ({ address: `10.0.0.${at}`, port: 1 })),
          ]),
        );
        const rest = { revision: index, documents: [], bundles: { roots, legacyAnchors: new Map() } };
        mesh = share(mesh, found);
        expect(plainMaps(mesh)).toEqual(plainMaps(found));
        inputs = { ...rest, mesh: cuts.apply(mesh), endpoints: share(inputs?.endpoints, endpoints) };
        const scratch = { ...rest, mesh: scratchCuts.apply(plainMaps(found)), endpoints };
        if (back && earlier !== undefined) {
          expect(run.serve(earlier).made).toEqual(createRun().serve(earlier).made);
        }
        const { made, translations } = run.serve(inputs);
        expect(made).toEqual(createRun().serve(scratch).made);
        seen.changed += translations;
        expect(run.serve({ ...inputs }).translations).toBe(0);
      }
    }),
    { numRuns: qualifying ? 400 : 20 },
  );
  expect(seen.meshes).toBeGreaterThan(20);
  expect(seen.changed).toBeGreaterThan(20);
}, 240_000);

it('translates for those whom an edit concerns, and nobody else', () => {
  const run = createRun();
  let mesh = meshOf(firstWorld);
  const serve = (world: World, endpoints: Inputs['endpoints'] = new Map()) => {
    mesh = share(mesh, meshOf(world) as MeshIr);
    return run.serve({
      revision: 1,
      documents: [],
      mesh,
      endpoints,
      bundles: { roots: 'R', legacyAnchors: new Map() },
    });
  };
  expect(serve(firstWorld).translations).toBe(shapesOf(mesh as MeshIr).length);
  const withPolicy = new Map(firstWorld).set('p', policyText('p', 'b', 'deny', '[{from: [{service: a}]}]'));
  // Two proxies of the service.
  expect(serve(withPolicy).translations).toBe(2);
  // Of all documents below, only the lines are others.
  const moved = new Map([...withPolicy].map(([name, text]) => [name, `# moved\n\n${text}`]));
  expect(serve(moved).translations).toBe(0);
  // The two of its one caller.
  const [one, ...more] = [{ address: '10.0.0.9', port: 1 }];
  expect(serve(moved, new Map([['b' as PortKey, [one, ...more].flatMap((at) => at ?? [])]])).translations).toBe(2);
  // Another one comes, on which nobody depends.
  const grown = new Map(moved).set('Service new', serviceText('new'));
  expect(serve(grown).translations).toBe(2);
});
