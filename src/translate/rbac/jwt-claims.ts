// What a token must contain, as RBAC principals: in the metadata that the JWT filter wrote about a verified token, the audience and every
// claim of the rule. If nothing was verified there is no metadata, and nothing matches.
import { create } from '@bufbuild/protobuf';
import { MetadataSource, type Principal, PrincipalSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import type { PrincipalIr } from '../../policy/authorization-ir.ts';
import { tokenKey, tokenNamespace } from '../../policy/token-metadata.ts';

/** All of them. */
export function jwtClaims({
  issuer,
  audience,
  claims,
}: Extract<PrincipalIr, { readonly kind: 'jwt' }>): readonly Principal[] {
  // RFC 7519 §4.1.3: one text, or a list of them.
  const ids = [payload(issuer, 'aud', exactly(audience)), payload(issuer, 'aud', inList(audience))];
  return [
    create(PrincipalSchema, { identifier: { case: 'orIds', value: { ids } } }),
    ...Object.entries(claims)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([claim, text]) => payload(issuer, claim, exactly(text))),
  ];
}

function payload(
  issuer: string,
  claim: string,
  matchPattern: ReturnType<typeof exactly> | ReturnType<typeof inList>,
): Principal {
  return create(PrincipalSchema, {
    identifier: {
      case: 'sourcedMetadata',
      value: {
        metadataSource: MetadataSource.DYNAMIC,
        metadataMatcher: {
          filter: tokenNamespace,
          path: [tokenKey(issuer), claim].map((value) => ({ segment: { case: 'key', value } as const })),
          value: { matchPattern },
        },
      },
    },
  });
}

function exactly(text: string) {
  return { case: 'stringMatch', value: { matchPattern: { case: 'exact', value: text } } } as const;
}

function inList(text: string) {
  return {
    case: 'listMatch',
    value: { matchPattern: { case: 'oneOf', value: { matchPattern: exactly(text) } } },
  } as const;
}
