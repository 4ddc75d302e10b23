// The names that documents may refer to, and how a reference finds its service.
import { differing, spliced } from '../../lib/differing.ts';
import { didYouMean } from '../../model/did-you-mean.ts';
import type { AuthorizationPolicy } from '../../model/documents/authorization-policy.ts';
import type { Cell } from '../../model/documents/cell.ts';
import type { Document } from '../../model/documents/document.ts';
import type { EnvoyResource } from '../../model/documents/envoy-resource.ts';
import type { Mesh } from '../../model/documents/mesh.ts';
import type { Service } from '../../model/documents/service.ts';
import type { TrustBundleDocument } from '../../model/documents/trust-bundle.ts';
import type { Workload } from '../../model/documents/workload.ts';
import { duplicateDocuments } from '../../model/duplicate-documents.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { CellIr, ServiceKey } from '../ir.ts';
import type { Problems } from './problems.ts';

/** Documents by kind, each key once, in the given order. */
export interface DocumentsByKind {
  readonly all: readonly ParsedDocument[];
  readonly meshes: readonly ParsedDocument<Mesh>[];
  readonly cells: readonly ParsedDocument<Cell>[];
  readonly services: readonly ParsedDocument<Service>[];
  readonly policies: readonly ParsedDocument<AuthorizationPolicy>[];
  readonly workloads: readonly ParsedDocument<Workload>[];
  readonly trustBundles: readonly ParsedDocument<TrustBundleDocument>[];
  readonly raws: readonly ParsedDocument<EnvoyResource>[];
}

/** `known`: those of the previous state, so that only what is new is compared; where nothing has changed, its lists are kept. */
export function documentsByKind(
  documents: readonly ParsedDocument[],
  problems: Problems,
  known?: DocumentsByKind,
): DocumentsByKind {
  const all = inOrder(documents, known?.all ?? []) ? documents : eachOnce(documents, problems);
  return known === undefined ? listsOf(all) : withKnownLists(all, known);
}

/** What differs is in few kinds, and what they have in common is long. */
function withKnownLists(all: readonly ParsedDocument[], known: DocumentsByKind): DocumentsByKind {
  const { before, after } = differing(known.all, all);
  if (before.length + after.length === 0) return known;
  const differs = new Set([...before, ...after].map(({ document }) => document.kind));
  const listOf = <K extends Document['kind']>(
    kind: K,
    list: readonly ParsedDocument<Extract<Document, { kind: K }>>[],
  ): readonly ParsedDocument<Extract<Document, { kind: K }>>[] => {
    if (!differs.has(kind)) return list;
    const [gone, came] = [before.filter(isKind(kind)), after.filter(isKind(kind))];
    const [first] = gone;
    // Neighbours among all are neighbours among those of their kind.
    const at = first === undefined ? -1 : list.indexOf(first);
    if (at >= 0) return spliced(list, at, gone.length, came);
    const found = all.filter(isKind(kind));
    return found.length === list.length && found.every((item, index) => item === list[index]) ? list : found;
  };
  return {
    all,
    meshes: listOf('Mesh', known.meshes),
    cells: listOf('Cell', known.cells),
    services: listOf('Service', known.services),
    policies: listOf('AuthorizationPolicy', known.policies),
    workloads: listOf('Workload', known.workloads),
    trustBundles: listOf('TrustBundle', known.trustBundles),
    raws: listOf('EnvoyResource', known.raws),
  };
}

function listsOf(all: readonly ParsedDocument[]): DocumentsByKind {
  const lists: { [K in Document['kind']]?: ParsedDocument[] } = {};
  for (const parsed of all) {
    const { kind } = parsed.document;
    const list = lists[kind];
    if (list === undefined) lists[kind] = [parsed];
    else list.push(parsed);
  }
  return {
    all,
    meshes: (lists.Mesh ?? []).filter(isKind('Mesh')),
    cells: (lists.Cell ?? []).filter(isKind('Cell')),
    services: (lists.Service ?? []).filter(isKind('Service')),
    policies: (lists.AuthorizationPolicy ?? []).filter(isKind('AuthorizationPolicy')),
    workloads: (lists.Workload ?? []).filter(isKind('Workload')),
    trustBundles: (lists.TrustBundle ?? []).filter(isKind('TrustBundle')),
    raws: (lists.EnvoyResource ?? []).filter(isKind('EnvoyResource')),
  };
}

/** As a store keeps them: then none is there twice. `known` are in order, too. */
function inOrder(documents: readonly ParsedDocument[], known: readonly ParsedDocument[]): boolean {
  const { after, start } = differing(known, documents);
  const end = start + after.length;
  for (let index = Math.max(1, start); index <= Math.min(end, documents.length - 1); index++) {
    const [one, other] = [documents[index - 1], documents[index]];
    if (one === undefined || other === undefined || one.key >= other.key) return false;
  }
  return true;
}

function eachOnce(documents: readonly ParsedDocument[], problems: Problems): readonly ParsedDocument[] {
  for (const problem of duplicateDocuments(documents)) problems.add(problem);
  return [...new Map(documents.toReversed().map((parsed) => [parsed.key, parsed])).values()].toReversed();
}

function isKind<K extends Document['kind']>(kind: K) {
  return (parsed: ParsedDocument): parsed is ParsedDocument<Extract<Document, { kind: K }>> =>
    parsed.document.kind === kind;
}

/** `cell/name`, or `name` for a service outside cells. */
export function serviceKey(name: string, cell: string | undefined): ServiceKey {
  return (cell === undefined ? name : `${cell}/${name}`) as ServiceKey;
}

type Located = Pick<ParsedDocument, 'locate'>;

export interface Names {
  /** The service of the mesh that `reference` means in a document of `cell`; a problem and undefined if there is none. */
  service(reference: string, cell: string | undefined, document: Located, place: FieldPath): ServiceKey | undefined;
  /** The same for something that is called: it may be outside of the mesh. */
  called(reference: string, cell: string | undefined, document: Located, place: FieldPath): ServiceKey | undefined;
  /** The cell of that name; a problem and undefined if there is none. */
  cell(name: string, document: Located, place: FieldPath): CellIr | undefined;
  /** The same, without a problem. */
  known(cell: string): CellIr | undefined;
}

/** Keys of the services that there are, and whether they are outside of the mesh. */
export interface KnownServices {
  get(key: ServiceKey): boolean | undefined;
  keys(): Iterable<ServiceKey>;
}

/** A reference without a cell means the service in the document's own cell, otherwise the one outside cells. */
export function createNames(services: KnownServices, cells: ReadonlyMap<string, CellIr>, problems: Problems): Names {
  const called: Names['called'] = (reference, cell, document, place) => {
    const named = reference.includes('/');
    const candidates = named
      ? [reference as ServiceKey]
      : [...(cell === undefined ? [] : [serviceKey(reference, cell)]), serviceKey(reference, undefined)];
    const found = candidates.find((key) => services.get(key) !== undefined);
    if (found === undefined) {
      problems.error(document, place, {
        code: 'unknown-service',
        message: `no service "${reference}"${named || cell === undefined ? '' : ` in the cell "${cell}", nor outside cells`}`,
        hint: serviceHint(reference, services),
      });
    }
    return found;
  };
  return {
    called,
    service(reference, cell, document, place) {
      const found = called(reference, cell, document, place);
      if (found === undefined || services.get(found) === false) return found;
      problems.error(document, place, {
        code: 'outside-of-the-mesh',
        message: `the service "${found}" is outside of this mesh: it can only be called`,
        hint: 'to name who calls from there, write its SPIFFE ID (`spiffeId: …`)',
      });
      return undefined;
    },
    cell(name, document, place) {
      const found = cells.get(name);
      if (found === undefined) {
        problems.error(document, place, {
          code: 'unknown-cell',
          message: `no cell "${name}"`,
          hint: nameHint(name, [...cells.keys()], 'a Cell document of that name'),
        });
      }
      return found;
    },
    known: (cell) => cells.get(cell),
  };
}

/** A bare name that exists only in cells is the most common mistake: name those. */
function serviceHint(reference: string, services: KnownServices): string {
  const all = [...services.keys()];
  const inCells = all.filter((key) => key.endsWith(`/${reference}`));
  if (inCells.length > 0) return `did you mean ${inCells.slice(0, 5).map(quote).join(' or ')}?`;
  return nameHint(reference, all, 'a Service document of that name');
}

/** What to do about a name that does not exist. */
export function nameHint(name: string, known: readonly string[], remedy: string): string {
  const near = didYouMean(name, known);
  if (near !== undefined) return `did you mean ${quote(near)}?`;
  return known.length === 0 ? `write ${remedy}` : `write ${remedy}, or use one of: ${known.slice(0, 10).join(', ')}`;
}

function quote(text: string): string {
  return `"${text}"`;
}
