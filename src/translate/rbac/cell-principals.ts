// Callers of `matchingCell` rules: for each cell, those of them who are in it, joined with "the field says that cell". One policy
// for all cells, as the path is then looked at once. The field comes from the filter before, as metadata; where there is none,
// nothing matches.
import { create } from '@bufbuild/protobuf';
import { MetadataSource, type Principal, PrincipalSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import type { StringMatcher } from '#gen/envoy/type/matcher/v3/string_pb.js';
import { cellSpiffePrefix, cellsSpiffePrefix } from '../../model/spiffe-id.ts';
import type { PrincipalIr } from '../../policy/ir.ts';
import { requestTypePrefix } from '../names.ts';
import { and, authenticated, type PrincipalContext } from './principals.ts';

export function cellPrincipals(
  principals: readonly PrincipalIr[],
  field: string,
  { domain, cells }: PrincipalContext,
): Principal[] {
  const byCell = callersByCell(principals, cellsSpiffePrefix(domain));
  const ofCells = [...cells.values()]
    .toSorted((a, b) => a.id - b.id)
    .flatMap(({ id, name }) => {
      const prefix = cellSpiffePrefix(domain, name);
      const who = byCell.has(everyCell) ? [authenticated({ case: 'prefix', value: prefix })] : (byCell.get(name) ?? []);
      return who.length === 0 ? [] : [and([requestHas([field], { case: 'exact', value: String(id) }), or(who)])];
    });
  // Without its type the message was not read to its end: malformed, or the field is in it more than once.
  const whole = requestHas(['@type'], { case: 'prefix', value: requestTypePrefix });
  return ofCells.length === 0 ? [] : [and([whole, or(ofCells)])];
}

const everyCell = '*';

/** Callers by the name of their cell; those who may be of any under `everyCell`. Whoever is in no cell matches none. */
function callersByCell(principals: readonly PrincipalIr[], all: string): ReadonlyMap<string, readonly Principal[]> {
  const byCell = new Map<string, Principal[]>();
  for (const principal of principals) {
    if (principal.kind === 'anonymous' || principal.kind === 'jwt' || principal.kind === 'cells') continue;
    if (principal.kind === 'everyone' || (principal.kind === 'prefix' && all.startsWith(principal.prefix))) {
      byCell.set(everyCell, []);
      continue;
    }
    const text = principal.kind === 'id' ? principal.id : principal.prefix;
    if (!text.startsWith(all)) continue;
    const name = text.slice(all.length, text.indexOf('/', all.length));
    const pattern = principal.kind === 'id' ? 'exact' : 'prefix';
    byCell.set(name, [...(byCell.get(name) ?? []), authenticated({ case: pattern, value: text })]);
  }
  return byCell;
}

/** The first message of the request, as filters/field-extraction.ts has it read. */
function requestHas(path: readonly string[], matchPattern: StringMatcher['matchPattern']): Principal {
  return create(PrincipalSchema, {
    identifier: {
      case: 'sourcedMetadata',
      value: {
        metadataSource: MetadataSource.DYNAMIC,
        metadataMatcher: {
          filter: 'envoy.filters.http.proto_message_extraction',
          path: ['requests', 'first', ...path].map((value) => ({ segment: { case: 'key', value } as const })),
          value: { matchPattern: { case: 'stringMatch', value: { matchPattern } } },
        },
      },
    },
  });
}

function or(ids: readonly Principal[]): Principal {
  const [first] = ids;
  return ids.length === 1 && first !== undefined
    ? first
    : create(PrincipalSchema, { identifier: { case: 'orIds', value: { ids: [...ids] } } });
}
