// What must wait of a change that may not make services strict yet: the documents that make them strict stay as they were, the rest
// proceeds (a deny in the same change must not wait). If the rest alone would open such a service to anonymous callers who are denied now,
// all of it waits.
import { changedKeys } from '../model/changed-keys.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Source } from '../model/problem.ts';
import { writtenPorts } from '../model/service-ports.ts';
import type { MeshIr, ServiceKey } from '../policy/ir.ts';
import type { Judged } from '../store/store.ts';
import { becomesStrict } from './becomes-strict.ts';
import { opensToAnonymous } from './opens-to-anonymous.ts';

export interface KeptPermissive {
  readonly services: readonly { readonly key: ServiceKey; readonly source: Source }[];
  readonly keep: readonly DocumentKey[];
  /** Everything that changed is in `keep`. */
  readonly whole: boolean;
  /** What may come into force: the change without `keep`. */
  readonly rest: Judged;
  /** Problems of `rest`, and of all of it. */
  readonly meshes: readonly [MeshIr, MeshIr];
}

type Documents = readonly ParsedDocument[];

/** Undefined if nothing becomes strict. `judge` is applied to the state in between. */
export function keepPermissive(
  { documents: before, mesh: old }: Judged,
  { documents: after, mesh: next }: Judged,
  judge: (documents: Documents) => Judged,
): KeptPermissive | undefined {
  const changed = changedKeys(before, after);
  // What cannot change a mode needs no gate.
  if (!changed.some((key) => key.startsWith('Mesh/') || key.startsWith('Service/'))) return undefined;
  if (old === undefined || next === undefined) return undefined;
  const strict = becomesStrict(old, next);
  if (strict.length === 0) return undefined;
  const places = strict.map((key) => ({ key, ...placeOf(key, before, after) }));
  const services = places.map(({ key, source }) => ({ key, source }));
  const keep = [...new Set(places.flatMap(({ documents }) => documents))];
  if (keep.every((key) => decidesAlike(find(before, key), find(after, key)))) {
    const rest = judge(withKept(before, after, keep));
    const { mesh: mixed } = rest;
    const apart =
      mixed !== undefined &&
      becomesStrict(old, mixed).length === 0 &&
      !strict.some((key) => opensToAnonymous(old, mixed, key));
    if (apart) return { services, keep, whole: false, rest, meshes: [mixed, next] };
  }
  const rest = { documents: before, mesh: old, problems: [] };
  return { services, keep: changed, whole: true, rest, meshes: [old, next] };
}

/** The documents of `after`, except that those of `keep` are as before. */
function withKept(before: Documents, after: Documents, keep: readonly DocumentKey[]): Documents {
  const kept = new Set(keep);
  const merged = [...after.filter(({ key }) => !kept.has(key)), ...before.filter(({ key }) => kept.has(key))];
  return merged.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** Which documents make the service strict, and at which line. */
function placeOf(
  key: ServiceKey,
  before: Documents,
  after: Documents,
): { readonly documents: readonly DocumentKey[]; readonly source: Source } {
  const own = find(after, `Service/${key}`);
  // Whichever says another mode than before: the service; otherwise the mesh's default changed.
  const itself = modeOf(own) !== modeOf(find(before, `Service/${key}`));
  const place = itself ? own : after.find(({ document }) => document.kind === 'Mesh');
  if (place === undefined) return { documents: [], source: { file: key, line: 1, column: 1 } };
  return { documents: [place.key], source: place.locate(['spec', 'mtls', 'mode']) };
}

/** Except for modes. Otherwise, what waits of them could leave the remaining rules with a meaning that nobody wrote. */
function decidesAlike(a: ParsedDocument | undefined, b: ParsedDocument | undefined): boolean {
  return a !== undefined && b !== undefined && deciding(a) === deciding(b);
}

function deciding({ document }: ParsedDocument): string {
  if (document.kind === 'Mesh') {
    const { authorization, jwtIssuers, legacyAuthorities } = document.spec;
    return JSON.stringify([authorization, jwtIssuers, legacyAuthorities]);
  }
  if (document.kind !== 'Service') return '';
  return JSON.stringify(
    writtenPorts(document).map(({ name, protocol, paths, health, grpc }) => [name, protocol, paths, health, grpc]),
  );
}

function find(documents: Documents, key: string): ParsedDocument | undefined {
  return documents.find((document) => document.key === key);
}

function modeOf(parsed: ParsedDocument | undefined): string | undefined {
  return parsed?.document.kind === 'Service' ? parsed.document.spec.mtls?.mode : undefined;
}
