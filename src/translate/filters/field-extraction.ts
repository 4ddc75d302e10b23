// Reads fields of gRPC requests into metadata, for `matchingCell` rules. Two filters of Envoy's do it together: message extraction
// reads as a server does, but does not wait for the message; field extraction waits, but takes the field's number in any wire
// type for the field, which servers skip (tried on Envoy 1.40: a way around any rule on its metadata). So rules look at what the first
// one wrote. Descriptors are made here of the fields that rules name, and of nothing else that a document brought: Envoy
// refuses a set that is not whole. Both come by ECDS like the rules; until they do, all requests are refused.
import { create } from '@bufbuild/protobuf';
import { ExtensionConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { GrpcFieldExtractionConfigSchema } from '#gen/envoy/extensions/filters/http/grpc_field_extraction/v3/config_pb.js';
import {
  MethodExtraction_ExtractDirective,
  ProtoMessageExtractionConfig_ExtractMode,
  ProtoMessageExtractionConfigSchema,
} from '#gen/envoy/extensions/filters/http/proto_message_extraction/v3/config_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { MatchingCellIr, ServiceIr } from '../../policy/ir.ts';
import { extensionName } from '../names.ts';
import { rbac } from '../rbac/policies.ts';
import { ads } from '../wire/ads.ts';
import { any } from '../wire/any.ts';
import { type ReadFields, requestDescriptors } from './request-descriptors.ts';

const reader = { name: 'read-message', schema: ProtoMessageExtractionConfigSchema };
const waiter = { name: 'await-message', schema: GrpcFieldExtractionConfigSchema };

/** Last parts of their ECDS names. */
export const readerNames: readonly string[] = [reader.name, waiter.name];

/** The resources, of a service that describes its gRPC. Without a rule that needs them, they read nothing. */
export function fieldExtractions(service: ServiceIr): TypedExtensionConfig[] {
  if (!service.describesGrpc) return [];
  const fields = readFields(service);
  const descriptors = { specifier: { case: 'inlineBytes', value: requestDescriptors(fields) } } as const;
  const byMethod = <T>(of: (field: MatchingCellIr) => T) =>
    [...fields].map(
      ([method, read]) =>
        [method.replace('/', '.'), Object.fromEntries(read.map((field) => [field.field, of(field)]))] as const,
    );
  return [
    create(TypedExtensionConfigSchema, {
      name: extensionName(service, reader.name),
      typedConfig: any(reader.schema, {
        descriptorSet: { case: 'dataSource', value: descriptors },
        mode: ProtoMessageExtractionConfig_ExtractMode.FIRST_AND_LAST,
        extractionByMethod: Object.fromEntries(
          byMethod(() => MethodExtraction_ExtractDirective.EXTRACT).map(([method, requestExtractionByField]) => [
            method,
            { requestExtractionByField },
          ]),
        ),
      }),
    }),
    create(TypedExtensionConfigSchema, {
      name: extensionName(service, waiter.name),
      typedConfig: any(waiter.schema, {
        descriptorSet: descriptors,
        extractionsByMethod: Object.fromEntries(
          byMethod(() => ({})).map(([method, requestFieldExtractions]) => [method, { requestFieldExtractions }]),
        ),
      }),
    }),
  ];
}

/** Their places in the chain. What stands in for each until it arrives refuses all. */
export function fieldExtractionPlaces(service: ServiceIr): HttpFilter[] {
  if (!service.describesGrpc) return [];
  const closed = any(HttpRbacSchema, { rules: rbac('allow'), rulesStatPrefix: 'read_' });
  return [reader, waiter].map(({ name, schema }) =>
    create(HttpFilterSchema, {
      name: extensionName(service, name),
      configType: {
        case: 'configDiscovery',
        value: create(ExtensionConfigSourceSchema, {
          configSource: ads(),
          typeUrls: [`type.googleapis.com/${schema.typeName}`, closed.typeUrl],
          defaultConfig: closed,
          applyDefaultConfigWithoutWarming: true,
        }),
      },
    }),
  );
}

/** By `package.Service/Method`, sorted: equal rules make equal bytes. */
function readFields({ authorization }: ServiceIr): ReadFields {
  const found = new Map<string, Map<string, MatchingCellIr>>();
  for (const { operations } of [...authorization.allow, ...authorization.shadowAllow]) {
    for (const { path, matchingCell } of operations) {
      if (matchingCell === undefined || path?.kind !== 'exact') continue;
      const method = path.path.slice(1);
      found.set(method, (found.get(method) ?? new Map()).set(matchingCell.field, matchingCell));
    }
  }
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([method, read]) => [method, [...read.values()].sort((a, b) => a.number - b.number)]));
}
