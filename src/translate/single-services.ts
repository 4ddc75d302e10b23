// For a proxy without ADS: references in its resources must request their targets through the service for that type, in the proxy's
// variant, at the cluster of its own bootstrap. In such a proxy `ads` is a config source that does not exist.
import { clone, create, type DescMessage, isMessage } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { AnySchema, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  ApiConfigSourceSchema,
  ApiConfigSource_ApiType as ApiType,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from '#gen/envoy/config/core/v3/config_source_pb.js';
import { extensionRegistry } from './lint/registry.ts';
import { controlPlaneCluster } from './names.ts';
import type { SingleServices, TranslatedResource } from './proxy.ts';
import { duration } from './wire/duration.ts';

/** protobuf-es keeps the shapes of these apart; none contains a config source. */
const leaves = /^google\.protobuf\.(?!Any$)/;

/** Does not change its argument; resources without references stay the same objects. */
export function overSingleServices(
  resources: readonly TranslatedResource[],
  variant: SingleServices,
): readonly TranslatedResource[] {
  return resources.map((resource) => {
    const message = clone(resource.schema, resource.message);
    return redirect(reflect<DescMessage>(resource.schema, message), variant) ? { ...resource, message } : resource;
  });
}

/** In place; returns whether there was anything to change. */
function redirect(reflected: ReflectMessage, variant: SingleServices): boolean {
  const { message } = reflected;
  if (isMessage(message, ConfigSourceSchema)) return redirectSource(message, variant);
  if (isMessage(message, AnySchema)) {
    const inner = anyUnpack(message, extensionRegistry);
    const schema = inner && extensionRegistry.getMessage(inner.$typeName);
    if (inner === undefined || schema === undefined || !redirect(reflect(schema, inner), variant)) return false;
    message.value = anyPack(schema, inner).value;
    return true;
  }
  if (leaves.test(reflected.desc.typeName)) return false;
  let changed = false;
  const step = (item: unknown): void => {
    if (redirect(item as ReflectMessage, variant)) changed = true;
  };
  for (const field of reflected.fields) {
    if (!reflected.isSet(field)) continue;
    if (field.fieldKind === 'message') step(reflected.get(field));
    else if (field.fieldKind === 'list' && field.listKind === 'message')
      for (const item of reflected.get(field)) step(item);
    else if (field.fieldKind === 'map' && field.mapKind === 'message') {
      for (const [, item] of reflected.get(field)) step(item);
    }
  }
  return changed;
}

function redirectSource(source: ConfigSource, variant: SingleServices): boolean {
  if (source.configSourceSpecifier.case !== 'ads') return false;
  const api = create(ApiConfigSourceSchema, {
    apiType: variant === 'delta' ? ApiType.DELTA_GRPC : ApiType.GRPC,
    transportApiVersion: ApiVersion.V3,
    setNodeOnFirstMessageOnly: true,
    grpcServices: [
      {
        targetSpecifier: {
          case: 'envoyGrpc',
          value: {
            clusterName: controlPlaneCluster,
            // As in the bootstrap: a restarted control plane is found within a second.
            retryPolicy: { retryBackOff: { baseInterval: duration(100), maxInterval: duration(1000) } },
          },
        },
      },
    ],
  });
  source.configSourceSpecifier = { case: 'apiConfigSource', value: api };
  return true;
}
