// A filter with ECDS: the resource that contains its configuration, and the place in a chain that waits for it, refusing everything until
// it arrives and after it was removed. The only place where that default is defined.
import { create } from '@bufbuild/protobuf';
import { type ExtensionConfigSource, ExtensionConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { filterTraces } from '../../lib/inbound-filters.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import { extensionName } from '../names.ts';
import type { Bundles } from '../proxy.ts';
import { rbac } from '../rbac/policies.ts';
import { ads } from '../wire/ads.ts';
import { any } from '../wire/any.ts';
import type { InboundFilter } from './inbound-filter.ts';
import { kindOf } from './inbound-filters.ts';

/** The resource. */
export function discoveredConfig(
  filter: InboundFilter,
  service: PortIr,
  mesh: MeshIr,
  bundles: Bundles,
): TypedExtensionConfig {
  return create(TypedExtensionConfigSchema, {
    name: extensionName(service, filter.name),
    typedConfig: filter.build(service, mesh, bundles),
  });
}

/** The place: the fields of a filter in a chain, or in its connection manager. */
export function placeOf(filter: InboundFilter, service: PortIr, mesh: MeshIr, bundles: Bundles) {
  if (filter.inline !== undefined) {
    const typedConfig = filter.build(service, mesh, bundles);
    return {
      name: extensionName(service, filter.name),
      configType: { case: 'typedConfig', value: typedConfig } as const,
    };
  }
  const value = source(filter, service);
  return { name: extensionName(service, filter.name), configType: { case: 'configDiscovery', value } as const };
}

function source({ name, messages }: InboundFilter, service: PortIr): ExtensionConfigSource {
  const kind = kindOf(service);
  const { statPrefix } = filterTraces[name];
  // `rules` without policies refuse everything.
  const closed =
    kind === 'tcp'
      ? any(NetworkRbacSchema, { rules: rbac('allow'), statPrefix })
      : any(HttpRbacSchema, { rules: rbac('allow'), rulesStatPrefix: statPrefix });
  const own = messages[kind];
  return create(ExtensionConfigSourceSchema, {
    configSource: ads(),
    typeUrls: [...new Set([...(own === undefined ? [] : [`type.googleapis.com/${own.typeName}`]), closed.typeUrl])],
    defaultConfig: closed,
    applyDefaultConfigWithoutWarming: true,
  });
}
