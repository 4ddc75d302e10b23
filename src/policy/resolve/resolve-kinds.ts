// Documents of kinds that nothing here knows, by the hook that each of those kinds brings (model/documents/kind.ts).
import { documentKinds, type ResolvedKinds } from '../../model/documents/document.ts';
import type { ResolveContext } from '../../model/documents/kind.ts';
import { kindNames } from '../../model/documents/kind-names.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';

export interface ResolveKindsDeps {
  readonly defaults: Pick<MeshDefaults, 'trustDomain'>;
  readonly names: Names;
  readonly problems: Problems;
}

/** Undefined: there are none. */
export function resolveKinds(
  documents: readonly ParsedDocument[],
  { defaults, names, problems }: ResolveKindsDeps,
): ResolvedKinds | undefined {
  const context: ResolveContext = {
    trustDomain: defaults.trustDomain,
    service: (reference, parsed, place) => names.service(reference, parsed.document.metadata.cell, parsed, place),
    cell: (name, parsed, place) => names.cell(name, parsed, place)?.id,
    error: problems.error,
    warning: problems.warning,
  };
  const made = kindNames.flatMap((name) => {
    const kind = documentKinds[name];
    if (kind.resolve === undefined) return [];
    const own = documents.filter(({ document }) => document.kind === name);
    return own.length === 0 ? [] : [[name, kind.resolve(own, context)] as const];
  });
  // By name: each is the result of the hook of that kind.
  return made.length === 0 ? undefined : (Object.fromEntries(made) as ResolvedKinds);
}
