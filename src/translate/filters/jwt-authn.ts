// Verifies the tokens that `jwt` rules of a permissive service take, and leaves what they say in metadata, where the allow filter looks
// at it. It refuses nobody: no token, and one that does not verify, are the same as none, and no rule matches none. The keys come
// from documents: nothing is fetched. In front of those who have a certificate it is not: it could tell nothing of them.
import { create } from '@bufbuild/protobuf';
import { ExtensionConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import {
  JwtAuthenticationSchema,
  type JwtProvider,
  JwtProviderSchema,
} from '#gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { JwtIssuerIr, MeshIr, ServiceIr } from '../../policy/ir.ts';
import { extensionName, jwtPayloadKey } from '../names.ts';
import { rbac } from '../rbac/policies.ts';
import { ads } from '../wire/ads.ts';
import { any } from '../wire/any.ts';

/** Last part of its ECDS name. */
export const jwtAuthnName = 'jwt-authn';
const clockSkewSeconds = 30;

/** The resource, of a service with a rule that takes tokens. */
export function jwtAuthn(service: ServiceIr, mesh: MeshIr): TypedExtensionConfig[] {
  const audiences = audiencesByIssuer(service);
  if (audiences.size === 0) return [];
  const providers = [...audiences].flatMap(([name, of]): [string, JwtProvider][] => {
    const issuer = mesh.jwtIssuers.get(name);
    return issuer === undefined ? [] : [[name, provider(issuer, of)]];
  });
  const requirements = providers.map(([providerName]) => ({
    requiresType: { case: 'providerName' as const, value: providerName },
  }));
  return [
    create(TypedExtensionConfigSchema, {
      name: extensionName(service, jwtAuthnName),
      typedConfig: any(JwtAuthenticationSchema, {
        providers: Object.fromEntries(providers),
        rules: [
          {
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            requirementType: {
              case: 'requires',
              value: {
                requiresType: {
                  case: 'requiresAny',
                  value: {
                    requirements: [...requirements, { requiresType: { case: 'allowMissingOrFailed', value: {} } }],
                  },
                },
              },
            },
          },
        ],
        stripFailureResponse: true,
      }),
    }),
  ];
}

/** Its place in a chain. What stands in for it until it arrives refuses all. */
export function jwtAuthnPlace(service: ServiceIr): HttpFilter[] {
  if (audiencesByIssuer(service).size === 0) return [];
  const closed = any(HttpRbacSchema, { rules: rbac('allow'), rulesStatPrefix: 'jwt_' });
  return [
    create(HttpFilterSchema, {
      name: extensionName(service, jwtAuthnName),
      configType: {
        case: 'configDiscovery',
        value: create(ExtensionConfigSourceSchema, {
          configSource: ads(),
          typeUrls: [`type.googleapis.com/${JwtAuthenticationSchema.typeName}`, closed.typeUrl],
          defaultConfig: closed,
          applyDefaultConfigWithoutWarming: true,
        }),
      },
    }),
  ];
}

function provider({ name, issuer, jwks, header }: JwtIssuerIr, audiences: readonly string[]): JwtProvider {
  return create(JwtProviderSchema, {
    issuer,
    audiences: [...audiences],
    requireExpiration: true,
    clockSkewSeconds,
    jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: jwks } } },
    // As it is without a sidecar.
    forward: true,
    fromHeaders: [header === 'authorization' ? { name: header, valuePrefix: 'Bearer ' } : { name: header }],
    payloadInMetadata: jwtPayloadKey(name),
  });
}

/** Sorted: equal rules make equal bytes. Under strict nobody comes without a certificate. */
function audiencesByIssuer({ authorization, protocol, mtls }: ServiceIr): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  if (protocol === 'tcp' || mtls.mode === 'strict') return new Map();
  for (const { principals } of [...authorization.allow, ...authorization.shadowAllow]) {
    for (const principal of principals) {
      if (principal.kind !== 'jwt') continue;
      found.set(principal.issuer, (found.get(principal.issuer) ?? new Set()).add(principal.audience));
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, of]) => [name, [...of].sort()]));
}
