// Random documents that are edited at random: services with ports and dependencies, policies, cells, Workloads, raw resources; some that do
// not fit together.
import fc from 'fast-check';
import { cellText, meshText, policyText, serviceText, workloadText } from './resolve-text.ts';

export const keys = ['a', 'b', 'c', 'east/a', 'east/d', 'west/d'] as const;
const raw = (service: string, timeout: string): string =>
  `kind: EnvoyResource\nmetadata: {name: raw}\nspec: {selector: {services: [${service}]}, patch: {operation: ` +
  'merge, typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster, name: inbound, value: {connect_timeout: ' +
  `${timeout}}}}`;

/** Documents by name; a later one of the same name takes its place. */
export type World = ReadonlyMap<string, string>;
export type Edit = { readonly name: string; readonly text: string | undefined };

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
export const edits = fc.array(
  fc.oneof({ weight: 3, arbitrary: serviceEdit }, { weight: 3, arbitrary: policyEdit }, otherEdit),
  {
    minLength: 1,
    maxLength: 3,
  },
);

export const firstWorld: World = new Map([
  ['Mesh', meshText()],
  ['Cell east', cellText('east', 1)],
  ['Cell west', cellText('west', 2)],
  ...keys.map((key, port): [string, string] => {
    const target = keys[(port + 1) % keys.length];
    return [`Service ${key}`, serviceText(key, 'http1', `, dependsOn: [{service: ${target}, listen: 9000}]`)];
  }),
]);

/** After the edits, in the order in which documents came. */
export function edited(world: World, todo: readonly Edit[]): World {
  const next = new Map(world);
  for (const { name, text } of todo) {
    if (text === undefined) next.delete(name);
    else next.set(name, text);
  }
  return next;
}
