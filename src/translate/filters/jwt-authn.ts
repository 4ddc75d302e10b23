// Verifies the tokens that `jwt` of a service's rules ask for, and puts what they say into metadata, where the allow filter looks at it. It
// denies nobody: no token, or one that cannot be verified, simply matches no rule. The proxy fetches no keys: they come with its
// configuration. Callers with a certificate pass it only if a rule asks for a token beside the identity.
import { create } from '@bufbuild/protobuf';
import {
  JwtAuthenticationSchema,
  type JwtProvider,
  JwtProviderSchema,
} from '#gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import type { PrincipalIr, TokenIr } from '../../policy/authorization-ir.ts';
import type { JwtIssuerIr, PortIr } from '../../policy/ir.ts';
import { tokenKey } from '../../policy/token-metadata.ts';
import { jwtRules } from '../lint/jwt-rules.ts';
import { any } from '../wire/any.ts';
import type { InboundFilter } from './inbound-filter.ts';

const clockSkewSeconds = 30;

export const jwtAuthn: InboundFilter = {
  name: 'jwt-authn',
  slot: 'read',
  /** Those with a rule that accepts tokens. */
  appliesTo: (service) => audiencesByIssuer(service).size > 0,
  // Callers with their own chain have a certificate: they are judged by that, and by a token only if a rule asks for both.
  chains: (service) => (asksForBoth(service) ? ['caller', 'mtls', 'plain'] : ['mtls', 'plain']),
  messages: { http: JwtAuthenticationSchema },
  lists: ['allow', 'shadowAllow'],
  takes: ({ principals }) => principals.some((one) => tokenOf(one) !== undefined),
  build(service, mesh) {
    const providers = [...audiencesByIssuer(service)].flatMap(([name, audiences]): [string, JwtProvider][] => {
      const issuer = mesh.jwtIssuers.get(name);
      // Without keys nothing of it can be verified.
      return issuer?.jwks === undefined ? [] : [[name, provider({ ...issuer, jwks: issuer.jwks }, audiences)]];
    });
    const requirements = providers.map(([providerName]) => ({
      requiresType: { case: 'providerName' as const, value: providerName },
    }));
    const requiresAny = {
      requirements: [...requirements, { requiresType: { case: 'allowMissingOrFailed' as const, value: {} } }],
    };
    return any(JwtAuthenticationSchema, {
      providers: Object.fromEntries(providers),
      rules:
        providers.length === 0
          ? []
          : [
              {
                match: { pathSpecifier: { case: 'prefix', value: '/' } },
                requirementType: {
                  case: 'requires',
                  value: { requiresType: { case: 'requiresAny', value: requiresAny } },
                },
              },
            ],
      stripFailureResponse: true,
    });
  },
  lint: jwtRules,
};

function provider(
  { name, issuer, jwks, header }: JwtIssuerIr & { readonly jwks: string },
  audiences: readonly string[],
): JwtProvider {
  return create(JwtProviderSchema, {
    issuer,
    audiences: [...audiences],
    requireExpiration: true,
    clockSkewSeconds,
    jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: jwks } } },
    // Unchanged, as without a sidecar.
    forward: true,
    fromHeaders: [header === 'authorization' ? { name: header, valuePrefix: 'Bearer ' } : { name: header }],
    payloadInMetadata: tokenKey(name),
  });
}

function tokenOf(principal: PrincipalIr): TokenIr | undefined {
  if (principal.kind === 'jwt') return principal;
  return principal.kind === 'with-token' ? principal.token : undefined;
}

function asksForBoth({ authorization }: PortIr): boolean {
  return allowed(authorization).some(({ kind }) => kind === 'with-token');
}

function allowed({ allow, shadowAllow }: PortIr['authorization']): readonly PrincipalIr[] {
  return [...allow, ...shadowAllow].flatMap(({ principals }) => principals);
}

/** Sorted: equal rules give equal bytes. In strict mode nobody connects without a certificate. */
function audiencesByIssuer({ authorization, protocol, mtls }: PortIr): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  if (protocol === 'tcp') return new Map();
  for (const principal of allowed(authorization)) {
    const token = tokenOf(principal);
    if (token === undefined || (principal.kind === 'jwt' && mtls.mode === 'strict')) continue;
    found.set(token.issuer, (found.get(token.issuer) ?? new Set()).add(token.audience));
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, of]) => [name, [...of].sort()]));
}
