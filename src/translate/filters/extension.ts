// One authorization filter as ECDS sees it: the resource that holds its rules, and the place in a chain that waits for it,
// refusing all until the first arrives.
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { type ExtensionConfigSource, ExtensionConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { CellwallError } from '../../lib/errors.ts';
import type { MeshIr, RuleIr, ServiceIr } from '../../policy/ir.ts';
import { extensionName } from '../names.ts';
import { rbac } from '../rbac/policies.ts';
import { ads } from '../wire/ads.ts';
import { any } from '../wire/any.ts';
import type { InboundFilter } from './inbound-filter.ts';

/** The resource. */
export function extension(filter: InboundFilter, service: ServiceIr, mesh: MeshIr): TypedExtensionConfig {
  return create(TypedExtensionConfigSchema, {
    name: extensionName(service, filter.name),
    typedConfig: service.protocol === 'tcp' ? networkRbac(filter, service, mesh) : httpRbac(filter, service, mesh),
  });
}

/** The place. `rules` without policies refuses all. */
export function extensionSource({ protocol }: ServiceIr, { statPrefix }: InboundFilter): ExtensionConfigSource {
  const defaultConfig =
    protocol === 'tcp'
      ? any(NetworkRbacSchema, { rules: rbac('allow'), statPrefix })
      : any(HttpRbacSchema, { rules: rbac('allow'), rulesStatPrefix: statPrefix });
  return create(ExtensionConfigSourceSchema, {
    configSource: ads(),
    typeUrls: [defaultConfig.typeUrl],
    defaultConfig,
    applyDefaultConfigWithoutWarming: true,
  });
}

function httpRbac(filter: InboundFilter, service: ServiceIr, mesh: MeshIr): Any {
  const { rules, shadowRules } = filter.build(service, mesh);
  return any(HttpRbacSchema, {
    rules,
    rulesStatPrefix: filter.statPrefix,
    ...(shadowRules === undefined ? {} : { shadowRules, shadowRulesStatPrefix: filter.statPrefix }),
  });
}

/**
 * The network filter puts only the name of a *shadow* policy into metadata, so without shadow policies the rules stand in,
 * under a prefix of their own.
 */
function networkRbac(filter: InboundFilter, service: ServiceIr, mesh: MeshIr): Any {
  refuseOperations(service);
  const { rules, shadowRules } = filter.build(service, mesh);
  return any(NetworkRbacSchema, {
    rules,
    statPrefix: filter.statPrefix,
    shadowRules: shadowRules ?? rules,
    shadowRulesStatPrefix: shadowRules === undefined ? `${filter.statPrefix}real_` : filter.statPrefix,
  });
}

function refuseOperations({ key, authorization }: ServiceIr): void {
  const all: readonly RuleIr[] = [
    ...authorization.deny,
    ...authorization.allow,
    ...authorization.shadowDeny,
    ...authorization.shadowAllow,
  ];
  const wrong = all.find((rule) => rule.operations.length > 0);
  if (wrong === undefined) return;
  throw new CellwallError('internal', `rule ${wrong.id} has operations, which TCP service ${key} has not`, {
    hint: 'such a rule must be refused when documents are resolved',
  });
}
