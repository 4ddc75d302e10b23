// What a token must contain, as RBAC principals: in the metadata that the JWT filter wrote about a verified token, the audience and every
// claim of the rule. If nothing was verified there is no metadata, and nothing matches.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { MetadataSource, type Principal, PrincipalSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import type { ValueMatcherSchema } from '#gen/envoy/type/matcher/v3/value_pb.js';
import type { TokenIr } from '../../policy/authorization-ir.ts';
import { type ClaimIr, type ClaimsIr, type ClaimValue, isList, isValue } from '../../policy/claims.ts';
import { tokenKey, tokenNamespace } from '../../policy/token-metadata.ts';

/** All of them. */
export function jwtClaims({ issuer, audience, claims }: TokenIr): readonly Principal[] {
  const key = tokenKey(issuer);
  // RFC 7519 §4.1.3: one text, or a list of them.
  return [anyOf([key, 'aud'], [audience]), ...says([key], claims)];
}

function says(path: readonly string[], claims: ClaimsIr): readonly Principal[] {
  return Object.entries(claims)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, wanted]) => claim([...path, name], wanted));
}

function claim(path: readonly string[], wanted: ClaimIr): readonly Principal[] {
  if (isValue(wanted)) return [anyOf(path, [wanted])];
  return isList(wanted) ? [anyOf(path, wanted)] : says(path, wanted);
}

/** The claim is one of the values, or a list with one of them. */
function anyOf(path: readonly string[], values: readonly ClaimValue[]): Principal {
  const ids = values.flatMap((value) => [payload(path, exactly(value)), payload(path, inList(value))]);
  return create(PrincipalSchema, { identifier: { case: 'orIds', value: { ids } } });
}

type Pattern = NonNullable<MessageInitShape<typeof ValueMatcherSchema>['matchPattern']>;

function payload(path: readonly string[], matchPattern: Pattern): Principal {
  return create(PrincipalSchema, {
    identifier: {
      case: 'sourcedMetadata',
      value: {
        metadataSource: MetadataSource.DYNAMIC,
        metadataMatcher: {
          filter: tokenNamespace,
          path: path.map((value) => ({ segment: { case: 'key', value } as const })),
          value: { matchPattern },
        },
      },
    },
  });
}

function exactly(value: ClaimValue): Pattern {
  switch (typeof value) {
    case 'string':
      return { case: 'stringMatch', value: { matchPattern: { case: 'exact', value } } };
    case 'number':
      return { case: 'doubleMatch', value: { matchPattern: { case: 'exact', value } } };
    default:
      return { case: 'boolMatch', value };
  }
}

function inList(value: ClaimValue): Pattern {
  return { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: { matchPattern: exactly(value) } } } };
}
