// What is made step by step, from one edit to the next, is what would be made from nothing: for random documents, edits, endpoints and
// roots, also where proxies are given one generation and another in turns. And of what an edit does not concern, nothing is made.
import fc from 'fast-check';
import { expect, it } from 'vitest';
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
import {
  cellText,
  documentsOf,
  meshText,
  policyText,
  serviceText,
  workloadText,
  yaml,
} from '../support/resolve-text.ts';

const keys = ['a', 'b', 'c', 'east/a', 'east/d', 'west/d'] as const;
const raw = (service: string, timeout: string): string =>
  `kind: EnvoyResource\nmetadata: {name: raw}\nspec: {selector: {services: [${service}]}, patch: {operation: ` +
  'merge, typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster, name: inbound, value: {connect_timeout: ' +
  `${timeout}}}}`;

/** Documents by name; a later one of the same name takes its place. */
type World = ReadonlyMap<string, string>;
type Edit = { readonly name: string; readonly text: string | undefined };

const protocol = fc.constantFrom('http1', 'http2', 'grpc', 'tcp');
const serviceEdit = fc
  .record({
    key: fc.constantFrom(...keys),
    protocol,
    mode: fc.constantFrom('strict', 'permissive'),
    to: fc.subarray([...keys]),
    more: fc.constantFrom(
      '',
      ', retries: {attempts: 2}',
      ', timeouts: {idle: 9s}',
      ', locality: {sameCellFirst: true}',
    ),
    gone: fc.integer({ min: 0, max: 5 }),
    second: fc.boolean(),
  })
  .map(({ key, protocol: spoken, mode, to, more, gone, second }): Edit => {
    const dependsOn = to
      .filter((target) => target !== key)
      .map((target, port) => `{service: ${target}, listen: ${9000 + port}}`);
    const spec = `, mtls: {mode: ${mode}}, dependsOn: [${dependsOn.join(', ')}]${more}`;
    const ports = `ports: [{name: default, protocol: ${spoken}}, {name: other, protocol: http2}]`;
    const text = serviceText(key, spoken, spec);
    return {
      name: `Service ${key}`,
      text: gone === 0 ? undefined : second ? text.replace(`protocol: ${spoken}`, ports) : text,
    };
  });
const policyEdit = fc
  .record({
    name: fc.constantFrom('p', 'q', 'r'),
    target: fc.constantFrom(...keys),
    action: fc.constantFrom('allow', 'deny'),
    shadow: fc.boolean(),
    from: fc.constantFrom(
      'service: a',
      'service: east/d',
      'cell: east',
      'authenticated: true',
      'anonymous: true',
      'eachCell: d',
    ),
    gone: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ name, target, action, shadow, from, gone }): Edit => {
    const text = policyText(name, target, action, `[{from: [{${from}}]}]`, shadow ? 'shadow' : 'enforce');
    return { name: `Policy ${name}`, text: gone === 0 ? undefined : text };
  });
const otherEdit = fc.oneof(
  fc.constantFrom('strict', 'permissive').map((mode): Edit => ({ name: 'Mesh', text: meshText(mode as 'strict') })),
  fc
    .constantFrom('spiffe://td1/oncall')
    .map((id): Edit => ({ name: 'Mesh', text: meshText('strict', `, breakGlass: ["${id}"]`) })),
  fc.integer({ min: 1, max: 9 }).map((id): Edit => ({ name: 'Cell west', text: cellText('west', id + 10) })),
  fc.constantFrom('1m', '2h').map(
    (lifetime): Edit => ({
      name: 'Workload job',
      text: workloadText('job', `{identity: {spiffeId: "spiffe://td1/job"}, lifetime: ${lifetime}}`),
    }),
  ),
  fc.tuple(fc.constantFrom(...keys), fc.constantFrom('1s', '2s', '')).map(
    ([service, timeout]): Edit => ({
      name: 'Raw',
      text: timeout === '' ? undefined : raw(service, timeout),
    }),
  ),
  // Everything below it moves in the file.
  fc
    .nat({ max: 3 })
    .map((lines): Edit => ({ name: 'Cell east', text: `${'# moved\n'.repeat(lines)}${cellText('east', 1)}` })),
);
const edits = fc.array(
  fc.oneof({ weight: 3, arbitrary: serviceEdit }, { weight: 3, arbitrary: policyEdit }, otherEdit),
  {
    minLength: 1,
    maxLength: 3,
  },
);

const first: World = new Map([
  ['Mesh', meshText()],
  ['Cell east', cellText('east', 1)],
  ['Cell west', cellText('west', 2)],
  ...keys.map((key, port): [string, string] => {
    const target = keys[(port + 1) % keys.length];
    return [`Service ${key}`, serviceText(key, 'http1', `, dependsOn: [{service: ${target}, listen: 9000}]`)];
  }),
]);

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
  const secretOf = (id: string) => encodeResource(typeUrls.secret, id, new Uint8Array([1]), 'serial');
  return {
    /** What each proxy is served of `inputs`, and how many were translated for it. */
    serve(inputs: Inputs) {
      const before = translations;
      const made = shapesOf(inputs.mesh).map((shape, index) => {
        const node = `${shape.spiffeId}~${index % 2}`;
        const snapshot = maker.make(
          { node, shape, secret: secretOf(shape.spiffeId), before: served.get(node) },
          inputs,
        );
        if (!('withheld' in snapshot)) served.set(node, snapshot);
        return [node, plain(snapshot)] as const;
      });
      return { made, translations: translations - before };
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
      let world = first;
      let [mesh, inputs] = [undefined as MeshIr | undefined, undefined as Inputs | undefined];
      for (const [index, { edits: todo, live, roots, back }] of steps.entries()) {
        const next = new Map(world);
        for (const { name, text } of todo) {
          if (text === undefined) next.delete(name);
          else next.set(name, text);
        }
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
        const rest = { revision: index, documents: new Map(), bundles: { roots, legacyAnchors: new Map() } };
        mesh = share(mesh, found);
        expect(mesh).toEqual(found);
        inputs = { ...rest, mesh: cuts.apply(mesh), endpoints: share(inputs?.endpoints, endpoints) };
        const scratch = { ...rest, mesh: scratchCuts.apply(structuredClone(found)), endpoints };
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
  let mesh = meshOf(first);
  const serve = (world: World, endpoints: Inputs['endpoints'] = new Map()) => {
    mesh = share(mesh, meshOf(world) as MeshIr);
    return run.serve({
      revision: 1,
      documents: new Map(),
      mesh,
      endpoints,
      bundles: { roots: 'R', legacyAnchors: new Map() },
    });
  };
  expect(serve(first).translations).toBe(shapesOf(mesh as MeshIr).length);
  const withPolicy = new Map(first).set('p', policyText('p', 'b', 'deny', '[{from: [{service: a}]}]'));
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
