// Turns the Topology Service's own descriptors into rules. Every method says who may call it in a method option (extension 90000,
// gitlab.cells.topology_service.access_control); a method without it is allowed to nobody.
import type { PolicyOperation, PolicySource } from '../../model/documents/authorization-policy.ts';
import { type GrpcMethod, readGrpcDescriptors } from './grpc-descriptors.ts';
import { pruneDescriptors } from './prune-descriptors.ts';
import { matchingCellFault } from './resolve-matching-cell.ts';

/** What the access levels of the descriptors mean in this mesh. */
export interface ImportMapping {
  /** Who counts as "a cell": the service of this name in each cell. */
  readonly cellService: string;
  readonly routers: readonly PolicySource[];
  readonly admins: readonly PolicySource[];
  /** The field of requests that matching-cell rules look at. */
  readonly field: string;
}

/** The parts of an AuthorizationPolicy, and of the Service that it targets. Import nothing if there are `faults`. */
export interface ImportedAccess {
  readonly rules: readonly { readonly from: readonly PolicySource[]; readonly to: readonly PolicyOperation[] }[];
  /** For `spec.grpc.descriptorSet`; undefined if no rule needs it. */
  readonly descriptorSet?: string;
  /** What cannot be expressed as rules: then nothing may be imported. */
  readonly faults: readonly string[];
  /** What was left out, one sentence each. */
  readonly notes: readonly string[];
}

const option = 90_000;
/** gitlab.cells.topology_service.AuthorizationRule. */
const access = { authenticated: 1, cell: 2, matchingCell: 3, router: 4, admin: 5 } as const;
type Access = keyof typeof access;

/** Throws if `bytes` is not a FileDescriptorSet. */
export function importGrpcAccess(bytes: Uint8Array, mapping: ImportMapping): ImportedAccess {
  const methods = [...readGrpcDescriptors(bytes).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const allowed = new Map<Access, GrpcMethod[]>();
  const faults: string[] = [];
  const notes: string[] = [];
  for (const method of methods) {
    const numbers = method.option(option);
    if (numbers.length === 0) notes.push(`${method.name} has no access_control: nobody is allowed`);
    for (const number of numbers) {
      const kind = kinds.find((one) => access[one] === number);
      if (kind === undefined) {
        faults.push(`${method.name} has the unknown access_control ${number}`);
        continue;
      }
      const fault = kind === 'matchingCell' ? matchingCellFault(method, mapping.field) : undefined;
      if (fault !== undefined) faults.push(`${fault.message}: ${fault.hint ?? ''}`);
      allowed.set(kind, [...(allowed.get(kind) ?? []), method]);
    }
  }
  const matched = allowed.get('matchingCell') ?? [];
  return {
    rules: kinds.flatMap((kind) => {
      const of = allowed.get(kind) ?? [];
      const from = sourcesOf(kind, mapping);
      if (of.length === 0) return [];
      if (from.length === 0) {
        notes.push(`${of.length} methods allow ${kind}s, but no --${kind}s-as says who they are: left out`);
        return [];
      }
      return [{ from, to: of.map(({ name }) => operationOf(name, kind, mapping.field)) }];
    }),
    ...(matched.length === 0 || faults.length > 0
      ? {}
      : { descriptorSet: Buffer.from(pruneDescriptors(bytes, matched, mapping.field)).toString('base64') }),
    faults,
    notes,
  };
}

const kinds: readonly Access[] = ['authenticated', 'cell', 'matchingCell', 'router', 'admin'];

function operationOf(grpc: string, kind: Access, field: string): PolicyOperation {
  return kind === 'matchingCell' ? { grpc, matchingCell: { field } } : { grpc };
}

function sourcesOf(kind: Access, { cellService, routers, admins }: ImportMapping): readonly PolicySource[] {
  switch (kind) {
    case 'authenticated':
      return [{ authenticated: true }];
    case 'cell':
    case 'matchingCell':
      return [{ eachCell: cellService }];
    case 'router':
      return routers;
    case 'admin':
      return admins;
    default:
      return kind satisfies never;
  }
}
