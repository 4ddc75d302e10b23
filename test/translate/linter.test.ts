// Each danger, made by hand, is refused; what translate makes is not.
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { BootstrapSchema } from '#gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import { TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import type { ConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { PolicySchema, RBAC_Action } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import {
  JwtAuthenticationSchema,
  JwtProviderSchema,
  type JwtRequirementOrListSchema,
} from '#gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { HttpConnectionManagerSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { HeaderMutationSchema } from '#gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import { ConfigSchema as MtlsAuthenticatedSchema } from '#gen/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.js';
import type { SubjectAltNameMatcherSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { SPIFFECertValidatorConfigSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import { lint } from '../../src/translate/linter.ts';
import type { TranslatedResource } from '../../src/translate/proxy.ts';

function any<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
  return anyPack(schema, create(schema, init));
}

function resource<D extends DescMessage>(schema: D, init: MessageInitShape<D>): TranslatedResource {
  const typeUrl = `type.googleapis.com/${schema.typeName}`;
  return { typeUrl, name: 'x', schema, message: create(schema, init), madeBy: () => [] };
}

function codes(...resources: readonly TranslatedResource[]): readonly string[] {
  return lint(resources).map(({ code }) => code);
}

const extension = (config: Any): TranslatedResource =>
  resource(TypedExtensionConfigSchema, { name: 'x', typedConfig: config });

const rules = (init: MessageInitShape<typeof HttpRbacSchema>['rules']): TranslatedResource =>
  extension(any(HttpRbacSchema, init === undefined ? {} : { rules: init }));

const policies = (init: MessageInitShape<typeof PolicySchema>) => ({ policies: { x: create(PolicySchema, init) } });

const anyone = {
  principals: [{ identifier: { case: 'any', value: true } }],
} satisfies MessageInitShape<typeof PolicySchema>;
const anything = {
  permissions: [{ rule: { case: 'any', value: true } }],
} satisfies MessageInitShape<typeof PolicySchema>;

describe('RBAC', () => {
  test('without rules, HTTP and TCP', () => {
    expect(codes(rules(undefined))).toContain('rbac-no-rules');
    expect(codes(extension(any(NetworkRbacSchema, { statPrefix: 'x' })))).toContain('rbac-no-rules');
  });

  test('with a matcher tree, which would stand in for rules', () => {
    expect(codes(extension(any(HttpRbacSchema, { matcher: {} })))).toContain('rbac-matcher');
  });

  test('that only logs', () => {
    expect(codes(rules({ action: RBAC_Action.LOG }))).toContain('rbac-log');
  });

  test('authenticated, with and without a name', () => {
    const policy = (value: object) => ({
      ...anything,
      principals: [{ identifier: { case: 'authenticated' as const, value } }],
    });
    for (const value of [{}, { principalName: { matchPattern: { case: 'exact', value: 'spiffe://td/x' } } }]) {
      expect(codes(rules(policies(policy(value))))).toContain('rbac-authenticated');
    }
  });

  test('a policy or a part of it that names nothing', () => {
    expect(codes(rules(policies({ ...anything })))).toContain('rbac-empty-policy');
    expect(codes(rules(policies({ ...anything, principals: [{}] })))).toContain('rbac-empty-principal');
    expect(codes(rules(policies({ ...anyone, permissions: [{}] })))).toContain('rbac-empty-permission');
  });

  test.each([
    ['nobody', {}, 'rbac-empty-principal'],
    [
      'a DNS SAN',
      { sanMatcher: { sanType: 2, matcher: { matchPattern: { case: 'exact', value: 'api' } } } },
      'rbac-san-type',
    ],
    [
      'a prefix within a segment',
      { sanMatcher: { sanType: 3, matcher: { matchPattern: { case: 'prefix', value: 'spiffe://td/cell-1' } } } },
      'rbac-san-pattern',
    ],
    [
      'a part of a name',
      { sanMatcher: { sanType: 3, matcher: { matchPattern: { case: 'contains', value: 'api' } } } },
      'rbac-san-pattern',
    ],
  ] as const)('mtls_authenticated with %s', (_what, config, code) => {
    const custom = { name: 'x', typedConfig: any(MtlsAuthenticatedSchema, config) };
    const policy = { ...anything, principals: [{ identifier: { case: 'custom' as const, value: custom } }] };
    expect(codes(rules(policies(policy)))).toContain(code);
  });

  test('a deny filter that lets a second URI SAN through', () => {
    expect(codes(rules({ action: RBAC_Action.DENY }))).toContain('rbac-no-guard');
  });
});

const discovered = (config: Any | undefined, withoutWarming: boolean) =>
  ({
    name: 'cell-1/api/authz-deny',
    configType: {
      case: 'configDiscovery',
      value: { ...(config && { defaultConfig: config }), applyDefaultConfigWithoutWarming: withoutWarming },
    },
  }) as const;

describe('tokens', () => {
  const good = {
    issuer: 'https://i.test',
    audiences: ['a'],
    requireExpiration: true,
    fromHeaders: [{ name: 'authorization', valuePrefix: 'Bearer ' }],
    jwksSourceSpecifier: {
      case: 'localJwks',
      value: { specifier: { case: 'inlineString', value: '{}' } },
    },
  } satisfies MessageInitShape<typeof JwtProviderSchema>;
  const named = { requiresType: { case: 'providerName', value: 'p' } } as const;
  const failed = { requiresType: { case: 'allowMissingOrFailed', value: {} } } as const;
  const jwt = (
    provider: MessageInitShape<typeof JwtProviderSchema>,
    requirements: MessageInitShape<typeof JwtRequirementOrListSchema>['requirements'] = [named, failed],
  ): TranslatedResource =>
    extension(
      any(JwtAuthenticationSchema, {
        providers: { p: create(JwtProviderSchema, provider) },
        rules: [
          {
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            requirementType: {
              case: 'requires',
              value: { requiresType: { case: 'requiresAny', value: { requirements: requirements ?? [] } } },
            },
          },
        ],
      }),
    );

  test.each<[string, MessageInitShape<typeof JwtProviderSchema>]>([
    ['jwt-any-issuer', { ...good, issuer: '' }],
    ['jwt-any-audience', { ...good, audiences: [] }],
    ['jwt-for-ever', { ...good, requireExpiration: false }],
    ['jwt-keys', { ...good, jwksSourceSpecifier: { case: 'remoteJwks', value: {} } }],
    ['jwt-forwarded-payload', { ...good, forwardPayloadHeader: 'x-payload' }],
    ['jwt-forwarded-payload', { ...good, claimToHeaders: [{ headerName: 'x-sub', claimName: 'sub' }] }],
    ['jwt-place', { ...good, fromParams: ['token'] }],
    ['jwt-place', { ...good, fromHeaders: [] }],
  ])('%s', (code, provider) => {
    expect(codes(jwt(provider))).toEqual([code]);
  });

  test('nothing that is verified, before what passes on', () => {
    expect(codes(jwt(good))).toEqual([]);
    expect(codes(jwt(good, [failed, named]))).toEqual(['jwt-nothing-verified']);
    expect(codes(jwt(good, []))).toEqual(['jwt-nothing-verified']);
    const unverified = { requiresType: { case: 'extractOnlyWithoutValidation', value: {} } } as const;
    expect(codes(jwt(good, [named, unverified]))).toEqual(['jwt-unverified']);
  });
});

describe('discovered filters', () => {
  test.each([
    ['no default', discovered(undefined, true)],
    ['a default that allows all', discovered(any(HttpRbacSchema, {}), true)],
    ['a default that denies nobody', discovered(any(HttpRbacSchema, { rules: { action: RBAC_Action.DENY } }), true)],
    ['a default that waits', discovered(any(HttpRbacSchema, { rules: {} }), false)],
  ])('with %s', (_what, filter) => {
    const manager = any(HttpConnectionManagerSchema, { statPrefix: 'x', httpFilters: [filter] });
    const chain = { filters: [{ name: 'hcm', configType: { case: 'typedConfig' as const, value: manager } }] };
    expect(codes(resource(ListenerSchema, { filterChains: [chain] }))).toContain('ecds-open-default');
  });
});

const downstream = (init: MessageInitShape<typeof DownstreamTlsContextSchema>): TranslatedResource =>
  resource(ListenerSchema, {
    filterChains: [
      {
        transportSocket: {
          name: 'tls',
          configType: { case: 'typedConfig', value: any(DownstreamTlsContextSchema, init) },
        },
      },
    ],
  });

const upstream = (init: MessageInitShape<typeof UpstreamTlsContextSchema>): TranslatedResource =>
  resource(ClusterSchema, {
    name: 'x',
    transportSocket: { name: 'tls', configType: { case: 'typedConfig', value: any(UpstreamTlsContextSchema, init) } },
  });

describe('TLS', () => {
  test('resumption, by absence of either flag and on either side', () => {
    expect(codes(downstream({}))).toContain('tls-resumption');
    expect(codes(downstream({ disableStatefulSessionResumption: true }))).toContain('tls-resumption');
    const stateless = { case: 'disableStatelessSessionResumption', value: true } as const;
    expect(codes(downstream({ sessionTicketKeysType: stateless }))).toContain('tls-resumption');
    expect(
      codes(downstream({ sessionTicketKeysType: stateless, disableStatefulSessionResumption: true })),
    ).not.toContain('tls-resumption');
    expect(codes(upstream({}))).toContain('tls-resumption');
    expect(codes(upstream({ maxSessionKeys: 0 }))).not.toContain('tls-resumption');
  });

  test('an empty validation context, none, and a secret that is one', () => {
    const empty = { case: 'validationContext', value: {} } as const;
    expect(codes(downstream({ commonTlsContext: { validationContextType: empty } }))).toContain('tls-empty-validation');
    expect(codes(downstream({ commonTlsContext: {} }))).toContain('tls-no-validation');
    expect(codes(resource(SecretSchema, { name: 'x', type: empty }))).toContain('tls-empty-validation');
    const blank = { trustedCa: { specifier: { case: 'inlineString' as const, value: '' } } };
    expect(codes(resource(SecretSchema, { name: 'x', type: { case: 'validationContext', value: blank } }))).toContain(
      'tls-empty-validation',
    );
  });

  test('old TLS, untrusted or expired certificates', () => {
    expect(codes(downstream({ commonTlsContext: {} }))).toContain('tls-version');
    const lax = { trustChainVerification: 1, allowExpiredCertificate: true };
    const found = codes(resource(SecretSchema, { name: 'x', type: { case: 'validationContext', value: lax } }));
    expect(found).toEqual(expect.arrayContaining(['tls-untrusted', 'tls-expired']));
  });

  test('a key, anywhere', () => {
    expect(codes(resource(SecretSchema, { name: 'x', type: { case: 'tlsCertificate', value: {} } }))).toContain(
      'secret-key',
    );
    expect(codes(downstream({ commonTlsContext: { tlsCertificates: [{}] } }))).toContain('tls-inline-key');
  });

  test.each<[string, MessageInitShape<typeof SubjectAltNameMatcherSchema>[]]>([
    ['no SAN', []],
    ['a DNS SAN', [{ sanType: 2, matcher: { matchPattern: { case: 'exact', value: 'api' } } }]],
    ['a prefix', [{ sanType: 3, matcher: { matchPattern: { case: 'prefix', value: 'spiffe://td/' } } }]],
    [
      'two',
      [1, 2].map((n) => ({ sanType: 3, matcher: { matchPattern: { case: 'exact', value: `spiffe://td/${n}` } } })),
    ],
  ])('an upstream that is known by %s', (_what, sans) => {
    const value = { defaultValidationContext: { matchTypedSubjectAltNames: [...sans] } };
    const context = { validationContextType: { case: 'combinedValidationContext' as const, value } };
    expect(codes(upstream({ commonTlsContext: context }))).toContain('tls-upstream-san');
  });

  const bundle = (...names: readonly string[]): TranslatedResource => {
    const trustDomains = names.map((name) => ({
      name,
      trustBundle: { specifier: { case: 'inlineString' as const, value: 'PEM' } },
    }));
    const customValidatorConfig = { name: 'x', typedConfig: any(SPIFFECertValidatorConfigSchema, { trustDomains }) };
    return resource(SecretSchema, { name: 'x', type: { case: 'validationContext', value: { customValidatorConfig } } });
  };

  test('trust domains: none, or one twice', () => {
    expect(codes(bundle())).toContain('spiffe-no-trust-domain');
    expect(codes(bundle('td', 'td'))).toContain('spiffe-twice');
    expect(codes(bundle('td'))).toEqual([]);
  });

  test('one secret that is referred to in two ways', () => {
    const secret = (sds: object) => ({
      commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: 'spiffe://td/x', sdsConfig: sds }] },
    });
    const ads = { configSourceSpecifier: { case: 'ads', value: {} } } as const;
    expect(codes(upstream(secret(ads)), upstream(secret({ ...ads, resourceApiVersion: 2 })))).toContain(
      'secret-reference',
    );
    expect(codes(upstream(secret(ads)), upstream(secret(ads)))).not.toContain('secret-reference');
  });
});

const listener = (address: string, init: MessageInitShape<typeof ListenerSchema>, port = 1): TranslatedResource => ({
  ...resource(ListenerSchema, {
    name: 'x',
    address: {
      address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
    },
    ...(init as object),
  }),
  name: `${address} ${JSON.stringify(init)}`,
});

describe('listeners', () => {
  test('that share their port by default', () => {
    expect(codes(listener('127.0.0.1', {}))).toContain('listener-reuse-port');
    expect(codes(listener('127.0.0.1', { enableReusePort: true }))).toContain('listener-reuse-port');
    expect(codes(listener('127.0.0.1', { enableReusePort: false }))).not.toContain('listener-reuse-port');
  });

  test('that lend an identity to the network', () => {
    const outbound = { trafficDirection: TrafficDirection.OUTBOUND };
    for (const address of ['0.0.0.0', '10.0.0.1', '::', '127.0.0.1.example.com']) {
      expect(codes(listener(address, outbound))).toContain('listener-not-loopback');
    }
    expect(codes(listener('127.0.0.1', outbound))).not.toContain('listener-not-loopback');
    expect(codes(listener('0.0.0.0', {}))).toContain('listener-direction');
    const socket = (path: string, mode: number, more: object = {}) =>
      codes(
        listener('127.0.0.1', { ...outbound, address: { address: { case: 'pipe', value: { path, mode } } }, ...more }),
      );
    expect(socket('/run/web/api.sock', 0o660)).not.toContain('listener-not-loopback');
    for (const path of ['/etc/passwd', '@x.sock', 'x.sock', '/run/../etc/x.sock', `/${'a'.repeat(120)}.sock`]) {
      expect(socket(path, 0o600)).toContain('listener-not-loopback');
    }
    for (const mode of [0, 0o777, 0o1666]) expect(socket('/run/web/api.sock', mode)).toContain('listener-not-loopback');
    const network = { address: { case: 'socketAddress', value: { address: '0.0.0.0' } } } as const;
    expect(socket('/run/web/api.sock', 0o600, { additionalAddresses: [{ address: network }] })).toContain(
      'listener-not-loopback',
    );
  });

  test('with a chain that goes around authorization, or in the wrong order', () => {
    expect(codes(listener('0.0.0.0', { filterChains: [{}] }))).toContain('chain-unauthorized');
    const places = (names: readonly string[]) => ({
      filterChains: [
        { filters: names.map((name) => ({ name, configType: { case: 'configDiscovery', value: {} } as const })) },
      ],
    });
    expect(codes(listener('0.0.0.0', places(['a/authz-deny-tcp', 'a/authz-allow-tcp'])))).not.toContain(
      'chain-unauthorized',
    );
    expect(codes(listener('0.0.0.0', places(['a/authz-allow-tcp', 'a/authz-deny-tcp'])))).toContain(
      'chain-unauthorized',
    );
    expect(codes(listener('0.0.0.0', places(['a/authz-allow-tcp'])))).toContain('chain-unauthorized');
  });

  test('two at one address, two chains for one match', () => {
    expect(codes(listener('127.0.0.1', {}), listener('127.0.0.1', { enableReusePort: false }))).toContain(
      'same-address',
    );
    expect(codes(listener('127.0.0.1', {}, 0), listener('127.0.0.1', { enableReusePort: false }, 0))).not.toContain(
      'same-address',
    );
    expect(codes(listener('0.0.0.0', { filterChains: [{ name: 'a' }, { name: 'b' }] }))).toContain(
      'listener-same-match',
    );
  });
});

const manager = (init: MessageInitShape<typeof HttpConnectionManagerSchema>): TranslatedResource => {
  const value = any(HttpConnectionManagerSchema, init);
  return resource(ListenerSchema, {
    trafficDirection: TrafficDirection.INBOUND,
    filterChains: [{ filters: [{ name: 'x', configType: { case: 'typedConfig', value } }] }],
  });
};

describe('HTTP', () => {
  test.each<[string, MessageInitShape<typeof HttpConnectionManagerSchema>, string]>([
    ['paths as they come', {}, 'http-path'],
    ['escaped slashes by default', {}, 'http-escaped-slashes'],
    ['escaped slashes decoded', { pathWithEscapedSlashesAction: 4 }, 'http-escaped-slashes'],
    ['upgrades', { upgradeConfigs: [{ upgradeType: 'CONNECT' }] }, 'http-upgrade'],
    ['CONNECT', { http2ProtocolOptions: { allowConnect: true } }, 'http-upgrade'],
    ['forwarded XFCC', { forwardClientCertDetails: 2 }, 'http-xfcc'],
    [
      'an upgrade with filters of its own',
      { upgradeConfigs: [{ upgradeType: 'websocket', filters: [{ name: 'x' }] }] },
      'http-upgrade',
    ],
    ['forged identity headers', {}, 'http-forged-header'],
  ])('%s', (_what, init, code) => {
    expect(codes(manager(init))).toContain(code);
  });

  test('a header that is set and not removed first', () => {
    const append = {
      action: { case: 'append', value: { header: { key: 'x-cellwall-peer-id', value: '%X%' } } },
    } as const;
    const remove = { action: { case: 'remove', value: 'x-cellwall-peer-id' } } as const;
    const early = (...mutations: readonly (typeof append | typeof remove)[]): TranslatedResource =>
      manager({
        earlyHeaderMutationExtensions: [
          { name: 'x', typedConfig: any(HeaderMutationSchema, { mutations: [...mutations] }) },
        ],
      });
    expect(codes(early(append))).toContain('http-add-without-remove');
    expect(codes(early(append, remove))).toContain('http-add-without-remove');
    expect(codes(early(remove, append))).not.toContain('http-add-without-remove');
    const add = { requestHeadersToAdd: [{ header: { key: 'X-Forwarded-Client-Cert', value: 'x' } }] };
    expect(codes(resource(RouteConfigurationSchema, add))).toContain('http-add-without-remove');
    expect(codes(resource(RouteConfigurationSchema, { virtualHosts: [{ routes: [add] }] }))).toContain(
      'http-add-without-remove',
    );
  });
});

describe('discovery', () => {
  test('waiting for ever', () => {
    const source = (initialFetchTimeout: { seconds: bigint } | undefined) =>
      resource(ClusterSchema, {
        name: 'x',
        edsClusterConfig: { edsConfig: { ...(initialFetchTimeout && { initialFetchTimeout }) } },
      });
    expect(codes(source({ seconds: 0n }))).toContain('fetch-timeout');
    expect(codes(source({ seconds: 1n }))).not.toContain('fetch-timeout');
    expect(codes(source(undefined))).not.toContain('fetch-timeout');
  });

  test('the connection to the control plane, replaced or authenticated by what comes over it', () => {
    expect(codes(resource(ClusterSchema, { name: 'cellwall' }))).toContain('control-plane-cluster');
    const bootstrap = (specifier: 'ads' | 'pathConfigSource'): TranslatedResource => {
      const configSourceSpecifier: MessageInitShape<typeof ConfigSourceSchema>['configSourceSpecifier'] =
        specifier === 'ads' ? { case: 'ads', value: {} } : { case: 'pathConfigSource', value: { path: '/x' } };
      const context = any(UpstreamTlsContextSchema, {
        commonTlsContext: {
          tlsCertificateSdsSecretConfigs: [
            { name: 'x', sdsConfig: { configSourceSpecifier: configSourceSpecifier ?? { case: undefined } } },
          ],
        },
      });
      return resource(BootstrapSchema, {
        dynamicResources: {
          adsConfig: { grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: 'xds' } } }] },
        },
        staticResources: {
          clusters: [
            { name: 'xds', transportSocket: { name: 'tls', configType: { case: 'typedConfig', value: context } } },
          ],
        },
      });
    };
    expect(codes(bootstrap('ads'))).toContain('xds-secret-over-ads');
    expect(codes(bootstrap('pathConfigSource'))).not.toContain('xds-secret-over-ads');
  });

  test('names that lead nowhere, or are there twice', () => {
    const cluster = resource(ClusterSchema, { name: 'x', edsClusterConfig: { serviceName: 'nowhere' } });
    expect(codes(cluster)).toContain('dangling');
    expect(codes(resource(ClusterSchema, { name: 'x' }), resource(ClusterSchema, { name: 'x' }))).toContain(
      'same-name',
    );
  });

  test('what cannot be looked into', () => {
    const unknown = {
      $typeName: 'google.protobuf.Any' as const,
      typeUrl: 'type.googleapis.com/x.Y',
      value: new Uint8Array(),
    };
    expect(codes(extension(unknown))).toContain('opaque');
    const broken = { ...any(HttpRbacSchema, {}), value: new Uint8Array([0xff]) };
    expect(codes(extension(broken))).toContain('opaque');
    const later = create(ClusterSchema, { name: 'x' });
    later.$unknown = [{ no: 9999, wireType: 0, data: new Uint8Array([1]) }];
    expect(codes({ ...resource(ClusterSchema, {}), message: later })).toContain('unknown-field');
  });
});
