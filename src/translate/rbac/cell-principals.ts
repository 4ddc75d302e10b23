// Callers of `matchingCell` rules: for each cell, those in it, combined with "the field names that cell". One policy for all cells, because
// the path is then checked only once. The field comes from the preceding filter, as metadata; if there is none, nothing matches.
import { create } from '@bufbuild/protobuf';
import { MetadataSource, type Principal, PrincipalSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import type { StringMatcher } from '#gen/envoy/type/matcher/v3/string_pb.js';
import { cellSpiffePrefix, cellsSpiffePrefix } from '../../model/spiffe-id.ts';
import type { PrincipalIr } from '../../policy/authorization-ir.ts';
import { requestMetadata } from '../names.ts';
import { cellCallers } from './cell-callers.ts';
import { jwtClaims } from './jwt-claims.ts';
import { and, callerIs, type PrincipalContext } from './principals.ts';

export function cellPrincipals(
  principals: readonly PrincipalIr[],
  field: string,
  context: PrincipalContext,
): Principal[] {
  const plain = principals.filter(({ kind }) => kind !== 'with-token');
  const withTokens = principals.filter((one) => one.kind === 'with-token');
  return [
    ...inTheirCells(plain, field, context),
    ...withTokens.flatMap(({ caller, token }) =>
      inTheirCells([caller], field, context).map((one) => and([one, ...jwtClaims(token)])),
    ),
  ];
}

function inTheirCells(principals: readonly PrincipalIr[], field: string, context: PrincipalContext): Principal[] {
  const { domain, cells } = context;
  const byCell = callersByCell(principals, context);
  const ofCells = [...cells.values()]
    .toSorted((a, b) => a.id - b.id)
    .flatMap(({ id, name }) => {
      const prefix = cellSpiffePrefix(domain, name);
      const who = byCell.has(everyCell)
        ? [callerIs({ case: 'prefix', value: prefix }, context)]
        : (byCell.get(name) ?? []);
      return who.length === 0 ? [] : [and([requestSays(field, { case: 'exact', value: String(id) }), or(who)])];
    });
  return ofCells.length === 0 ? [] : [or(ofCells)];
}

const everyCell = '*';

/** Callers by the name of their cell; those who may be in any under `everyCell`. Callers in no cell match none. */
function callersByCell(
  principals: readonly PrincipalIr[],
  context: PrincipalContext,
): ReadonlyMap<string, readonly Principal[]> {
  const { domain } = context;
  const all = cellsSpiffePrefix(domain);
  const byCell = new Map<string, Principal[]>();
  const add = (text: string, pattern: 'exact' | 'prefix'): void => {
    const name = text === all ? everyCell : text.slice(all.length, text.indexOf('/', all.length));
    byCell.set(name, [...(byCell.get(name) ?? []), callerIs({ case: pattern, value: text }, context)]);
  };
  const { ids, prefixes } = cellCallers(principals, domain);
  for (const id of ids) add(id, 'exact');
  for (const prefix of prefixes) add(prefix, 'prefix');
  return byCell;
}

/** The request's message, as filters/read-request.ts reads it: nothing if it is not certain. */
function requestSays(field: string, matchPattern: StringMatcher['matchPattern']): Principal {
  return create(PrincipalSchema, {
    identifier: {
      case: 'sourcedMetadata',
      value: {
        metadataSource: MetadataSource.DYNAMIC,
        metadataMatcher: {
          filter: requestMetadata,
          path: [{ segment: { case: 'key', value: field } }],
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
