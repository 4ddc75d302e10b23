// Whether a change only takes rights away, or leaves them as they are: nobody may do anything after it that they may not do before, and
// nothing else changes than who may call whom. Conservative: whatever this file does not know counts as widening. Pure.
import type { OperationIr, RuleIr } from './authorization-ir.ts';
import { namesMethods } from './decide/method-in-query.ts';
import { covers } from './decide/rule-coverage.ts';
import type { CellIr, IdentitiesIr, MeshIr, PortIr, ServiceIr, WorkloadIr } from './ir.ts';
import { sameMeaning } from './same-meaning.ts';

/** Derived from the others, or compared below. */
const meshParts: ReadonlySet<string> = new Set([
  'cells',
  'services',
  'identities',
  'serviceOf',
  'callers',
  'cuts',
  'banned',
]);
const serviceParts: ReadonlySet<string> = new Set(['source', 'ports']);
const portParts: ReadonlySet<string> = new Set(['source', 'authorization', 'place', 'federated']);

/** A sentence each; empty if the change widens nothing. They depend on the two meshes only, and not on where documents stand. */
export function wideningReasons(before: MeshIr, after: MeshIr): readonly string[] {
  const fields = differingFields(before, after, meshParts);
  return [
    ...(fields.length === 0 ? [] : [`the mesh's ${fields.join(', ')} would change`]),
    ...cellReasons(before.cells, after.cells),
    ...identityReasons(before.identities, after.identities),
    ...[...after.services.values()].flatMap((service) => serviceReasons(before.services.get(service.key), service)),
  ];
}

/** A cell may be added, and may be in another region. Removed, what belongs to it goes with it. */
function cellReasons(before: MeshIr['cells'], after: MeshIr['cells']): readonly string[] {
  const renumbered = ({ name, id }: CellIr): boolean => after.get(name) !== undefined && after.get(name)?.id !== id;
  return [...before.values()].filter(renumbered).map(({ name }) => `the cell ${name} would have another number`);
}

function identityReasons(before: IdentitiesIr, after: IdentitiesIr): readonly string[] {
  const reasons: string[] = [];
  for (const [id, workload] of after.exact) {
    const old = before.exact.get(id);
    // A new one that only an operator's join token can earn is nobody's yet.
    if (old === undefined ? !isPlain(workload) : !sameWorkload(old, workload)) {
      reasons.push(`${id} would be earned, or certified, ${old === undefined ? 'by evidence' : 'in another way'}`);
    }
  }
  for (const id of before.exact.keys()) {
    if (!after.exact.has(id)) reasons.push(`${id} would not exist any more: its hosts would be evicted`);
  }
  if (!sameMeaning(before.templates.map(withoutDocument), after.templates.map(withoutDocument))) {
    reasons.push('identities that are made from a template would be earned in another way');
  }
  return reasons;
}

function isPlain({ selectors, dnsNames, commonName, advertise }: WorkloadIr): boolean {
  const byToken = selectors.every(({ attestor }) => attestor === 'join-token');
  return byToken && dnsNames.length === 0 && commonName === undefined && advertise === undefined;
}

/** A Service that gets a Workload of its own which says the same is the same. */
function sameWorkload(a: WorkloadIr, b: WorkloadIr): boolean {
  return sameMeaning(withoutDocument(a), withoutDocument(b));
}

function withoutDocument<T extends { readonly document: unknown }>({ document, ...rest }: T): Omit<T, 'document'> {
  return rest;
}

function serviceReasons(before: ServiceIr | undefined, after: ServiceIr): readonly string[] {
  const { key } = after;
  if (before === undefined) {
    const open = after.ports.filter(({ authorization }) => grants(authorization).length > 0);
    const raw = after.rawPatches === undefined ? [] : [`${key} is new, and raw resources change it`];
    return [...raw, ...open.map(({ id }) => `${id} is new, and lets callers in`)];
  }
  const fields = differingFields(before, after, serviceParts);
  const reasons = fields.length === 0 ? [] : [`more than who may call ${key} would change: ${fields.join(', ')}`];
  const gone = before.ports.filter(({ id }) => !after.ports.some((port) => port.id === id));
  return [
    ...reasons,
    ...gone.map(({ id }) => `${id} would not be there any more`),
    ...after.ports.flatMap((port) => {
      const old = before.ports.find(({ id }) => id === port.id);
      if (old !== undefined) return portReasons(old, port, new Set(fields));
      return [`${port.id} would be a new port`];
    }),
  ];
}

/** `told`: fields of the service, which are in each of its ports as well. */
function portReasons(before: PortIr, after: PortIr, told: ReadonlySet<string>): readonly string[] {
  const { id } = after;
  const fields = differingFields(before, after, portParts).filter((field) => !told.has(field));
  const reasons = fields.length === 0 ? [] : [`more than who may call ${id} would change: ${fields.join(', ')}`];
  const [was, is] = [grants(before.authorization), grants(after.authorization)];
  for (const { name, rule } of is) {
    if (!everyPart(rule, (part) => was.some((wide) => allows(wide.rule, part)))) {
      reasons.push(`${id} would let in callers that it denies now: ${name}`);
    }
  }
  for (const rule of before.authorization.deny) {
    if (!everyPart(rule, (part) => after.authorization.deny.some((wide) => denies(wide, part)))) {
      reasons.push(`${id} would not deny any more what ${nameOf(rule)} denies`);
    }
  }
  // While any rule names a path or a method, some requests are refused for everybody.
  if (namesPaths(before) && !namesPaths(after))
    reasons.push(`${id} would take paths with parameters, which it refuses`);
  if (namesMethods(before) && !namesMethods(after))
    reasons.push(`${id} would take methods in queries, which it refuses`);
  return reasons;
}

type Part = Pick<RuleIr, 'principals' | 'operations'>;

/** What lets somebody in: rules, and what applies if no policy does. Break-glass identities are those of the mesh. */
function grants({ allow, cellDefault, fallback }: PortIr['authorization']): readonly {
  readonly name: string;
  readonly rule: Part;
}[] {
  const rest = fallback === 'allow' ? ({ kind: 'everyone' } as const) : undefined;
  return [
    ...allow.map((rule) => ({ name: nameOf(rule), rule })),
    ...(cellDefault === undefined ? [] : [{ name: 'the default of cells', rule: whole(cellDefault) }]),
    ...(rest === undefined ? [] : [{ name: 'no enforced policy targets it', rule: whole(rest) }]),
  ];
}

/** Counted from 0, as by the paths of problems. */
function nameOf({ id, policy }: RuleIr): string {
  return `rules[${id.slice(id.lastIndexOf('/') + 1)}] of ${policy}`;
}

function whole(principal: RuleIr['principals'][number]): Part {
  return { principals: [principal], operations: [] };
}

/** One principal and at most one operation at a time: another rule may cover each. */
function everyPart({ principals, operations }: Part, holds: (part: Part) => boolean): boolean {
  const each = operations.length === 0 ? [[]] : operations.map((operation) => [operation]);
  return principals.every((principal) => each.every((one) => holds({ principals: [principal], operations: one })));
}

/** Where a message's field decides, it must be the very same field. */
function allows(wide: Part, part: Part): boolean {
  const operations = wide.operations.filter(({ matchingCell }) =>
    alike(matchingCell, part.operations[0]?.matchingCell),
  );
  if (wide.operations.length > 0 && operations.length === 0) return false;
  return covers({ ...wide, operations }, part);
}

function alike(wide: OperationIr['matchingCell'], narrow: OperationIr['matchingCell']): boolean {
  return wide === undefined || JSON.stringify(wide) === JSON.stringify(narrow);
}

/** Deny rules read a path in more than one way: only the same path, or none, is certain to deny at least as much. */
function denies(wide: Part, { principals, operations: [operation] }: Part): boolean {
  if (!covers(about(wide), { principals, operations: [] })) return false;
  if (wide.operations.length === 0) return true;
  if (operation === undefined) return false;
  return wide.operations.some(
    ({ path, methods, matchingCell }) =>
      (path === undefined || JSON.stringify(path) === JSON.stringify(operation.path)) &&
      (methods === undefined || (operation.methods?.every((method) => methods.includes(method)) ?? false)) &&
      alike(matchingCell, operation.matchingCell),
  );
}

/** Who it is about. */
function about({ principals }: Part): Part {
  return { principals, operations: [] };
}

function namesPaths({ authorization }: PortIr): boolean {
  return authorization.deny.some(({ operations }) => operations.some(({ path }) => path !== undefined));
}

/** Names of fields with another meaning, sorted. */
function differingFields<T extends object>(before: T, after: T, except: ReadonlySet<string>): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)].filter((name) => !except.has(name)));
  return [...names].filter((name) => !sameMeaning(Reflect.get(before, name), Reflect.get(after, name))).sort();
}
