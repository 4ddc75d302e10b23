// What only a raw resource can do: ways around authorization and trust that translate itself never uses. Types are identified by name,
// because most of them are not built by translate.
import { create, equals, isMessage, type Message } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { type Filter, FilterChainSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { RouterSchema } from '#gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  CommonTlsContext_CombinedCertificateValidationContextSchema,
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { decides, filterNamed } from '../filters/inbound-filters.ts';
import { probeEarlyHeaders } from '../inbound/early-headers.ts';
import { healthFilters, noBodyFilter } from '../inbound/health-filters.ts';
import { isCredentialName, isHealthRouteName } from '../names.ts';
import { extensionRegistry } from './registry.ts';
import type { Rule } from './rule.ts';

/** What may precede the last filter that decides: authorization, and what reads for it, which answer only to deny. */
const harmless = /envoy\.extensions\.filters\.(http|network)\.(rbac|jwt_authn)\.v3\./;

/** Anything else before it could answer by itself. */
const authorizationFirst: Rule = (message, ancestors) => {
  if (!isInbound(ancestors)) return [];
  if (isMessage(message, HttpConnectionManagerSchema)) return before(message.httpFilters);
  if (!isMessage(message, FilterChainSchema)) return [];
  const managers = message.filters.map(managerOf);
  if (message.name === healthChain) {
    return managers.length === 1 && servesHealth(managers[0])
      ? []
      : [['raw-health', `a chain "${healthChain}" serves the health path and nothing else`]];
  }
  if (!managers.some((manager) => manager !== undefined)) return before(message.filters);
  if (managers[0] === undefined) {
    return [['raw-before-authorization', `the filter ${message.filters[0]?.name} stands before authorization`]];
  }
  return [];
};

/** The one chain without authorization. */
const healthChain = 'health';

/** With exactly what turns a request into a bare probe, and no filter that could turn it into another request. */
function servesHealth(manager: HttpConnectionManager | undefined): boolean {
  if (manager === undefined) return false;
  const { routeSpecifier: routes, httpFilters, earlyHeaderMutationExtensions: early } = manager;
  const before = healthFilters();
  return (
    routes.case === 'rds' &&
    isHealthRouteName(routes.value.routeConfigName) &&
    early.length === 1 &&
    early.every((one) => equals(TypedExtensionConfigSchema, one, probeEarlyHeaders())) &&
    httpFilters.length === before.length + 1 &&
    before.every((one, index) => equals(HttpFilterSchema, one, httpFilters[index] ?? create(HttpFilterSchema))) &&
    httpFilters.slice(before.length).every(isPlainRouter)
  );
}

function isPlainRouter({ configType }: HttpFilter): boolean {
  const config = configType.case === 'typedConfig' ? anyUnpack(configType.value, extensionRegistry) : undefined;
  return config !== undefined && isMessage(config, RouterSchema) && config.upstreamHttpFilters.length === 0;
}

function before(filters: readonly (Filter | HttpFilter)[]): readonly (readonly [string, string])[] {
  const last = filters.findLastIndex(({ name }) => {
    const filter = filterNamed(name);
    return filter !== undefined && decides(filter);
  });
  const stranger = filters.slice(0, last + 1).find((filter) => !isHarmless(filter));
  return stranger === undefined
    ? []
    : [['raw-before-authorization', `the filter ${stranger.name} stands before authorization, or in its place`]];
}

/**
 * By the types that Envoy allows for it, not only by its name; filters of the catalog only by discovery, where their rules are checked.
 */
function isHarmless({ name, configType: { case: kind, value } }: Filter | HttpFilter): boolean {
  const filter = filterNamed(name);
  const own = Object.values(filter?.messages ?? {}).map(({ typeName }) => `type.googleapis.com/${typeName}`);
  if (kind === 'typedConfig') {
    return harmless.test(value.typeUrl) || (filter?.inline !== undefined && own.includes(value.typeUrl));
  }
  return (
    kind === 'configDiscovery' &&
    value.typeUrls.length > 0 &&
    value.typeUrls.every((url) => harmless.test(url) || own.includes(url))
  );
}

function managerOf({ configType }: Filter): HttpConnectionManager | undefined {
  const config = configType.case === 'typedConfig' ? anyUnpack(configType.value, extensionRegistry) : undefined;
  return config !== undefined && isMessage(config, HttpConnectionManagerSchema) ? config : undefined;
}

const authorizationOn: Rule = (message) =>
  isMessage(message, HttpFilterSchema) && isOurs(message.name) && (message.disabled || message.isOptional)
    ? [['raw-authorization-off', `${message.name} is disabled or optional`]]
    : [];

/** Including what reads for the rules: reading differently would decide differently. */
function isOurs(name: string): boolean {
  return filterNamed(name) !== undefined;
}

/** Routes may give a filter another configuration, by its name. */
const authorizationPerRoute: Rule = (message, [root = message]) => {
  if (!('typedPerFilterConfig' in message)) return [];
  const configs = Object.entries(message.typedPerFilterConfig ?? {});
  // Only translate makes the health path's routes: the last one refuses whatever has a body, with its own text.
  const health = isMessage(root, RouteConfigurationSchema) && isHealthRouteName(root.name);
  return configs
    .filter(([name]) => !(health && name === noBodyFilter))
    .filter(([name, config]) => isOurs(name) || /\.RBACPerRoute$|\.FilterConfig$/.test(typeOf(config)))
    .map(([name]) => ['raw-authorization-off', `a route has its own configuration of ${name}`]);
};

function typeOf(config: unknown): string {
  return typeof config === 'object' && config !== null && 'typeUrl' in config ? String(config.typeUrl) : '';
}

/** Only the mesh's authorities vouch for identities. */
const trust: Rule = (message, ancestors) => {
  if (
    isMessage(message, CommonTlsContextSchema) &&
    ancestors.at(-1)?.$typeName === DownstreamTlsContextSchema.typeName
  ) {
    const type = message.validationContextType;
    const name =
      type.case === 'validationContextSdsSecretConfig'
        ? type.value.name
        : type.case === 'combinedValidationContext'
          ? type.value.validationContextSdsSecretConfig?.name
          : undefined;
    return name?.startsWith('spiffe://') === true
      ? []
      : [['raw-trust', "callers' certificates are held against the bundles of the mesh, by SDS"]];
  }
  return [];
};

/** What arrives by SDS is merged into it: a field that the bundle does not set would stay. */
const ownTrust: Rule = (message) => {
  if (!isMessage(message, CommonTlsContext_CombinedCertificateValidationContextSchema)) return [];
  const { trustedCa, customValidatorConfig, caCertificateProviderInstance, systemRootCerts } =
    message.defaultValidationContext ?? {};
  return [trustedCa, customValidatorConfig, caCertificateProviderInstance, systemRootCerts].some(Boolean)
    ? [['raw-trust', 'a combined validation context brings no trust of its own: the bundle has it']]
    : [];
};

const unseen: Rule = (message) => {
  if (!isMessage(message, ListenerSchema)) return [];
  return message.apiListener !== undefined || message.listenerSpecifier.case !== undefined
    ? [['raw-listener', 'an API or internal listener has no chains that can be looked into']]
    : [];
};

/** Those of translate itself, whose names no raw resource can take, are tokens for applications. */
const secretNames: Rule = (message, ancestors) =>
  isMessage(message, SecretSchema) &&
  ancestors.length === 0 &&
  message.type.case === 'genericSecret' &&
  !isCredentialName(message.name)
    ? [['secret-key', 'secrets that hold keys are not sent']]
    : [];

function isInbound([listener]: readonly Message[]): boolean {
  return (
    listener !== undefined &&
    isMessage(listener, ListenerSchema) &&
    listener.trafficDirection !== TrafficDirection.OUTBOUND
  );
}

export const rawRules: readonly Rule[] = [
  authorizationFirst,
  authorizationOn,
  authorizationPerRoute,
  trust,
  ownTrust,
  unseen,
  secretNames,
];
