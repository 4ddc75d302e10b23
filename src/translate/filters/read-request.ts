// Reads fields of gRPC requests into metadata, for `matchingCell` rules. Lua, as what decides about a stream has to keep its state in
// the stream: Envoy's own message extraction keeps it in the filter's configuration, where streams answer for each other, and its field
// extraction takes the field's number in any wire type for the field. It comes by ECDS like the rules; until it does, all requests
// are refused.
import { create } from '@bufbuild/protobuf';
import { ExtensionConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { LuaSchema } from '#gen/envoy/extensions/filters/http/lua/v3/lua_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { TrustDomain } from '../../model/spiffe-id.ts';
import type { RuleIr, ServiceIr } from '../../policy/ir.ts';
import { extensionName } from '../names.ts';
import { cellCallers } from '../rbac/cell-callers.ts';
import { rbac } from '../rbac/policies.ts';
import { ads } from '../wire/ads.ts';
import { any } from '../wire/any.ts';
import { type ReadField, type ReadRequests, readRequestSource } from './read-request-program.ts';

/** Last part of its ECDS name. */
export const readRequestName = 'read-request';

/** The resource, of a service that describes its gRPC. Without a rule that needs it, it reads nothing. */
export function readRequest(service: ServiceIr, domain: TrustDomain): TypedExtensionConfig[] {
  if (!service.describesGrpc) return [];
  const source = readRequestSource(readRequests(service, domain));
  return [
    create(TypedExtensionConfigSchema, {
      name: extensionName(service, readRequestName),
      typedConfig: any(LuaSchema, {
        defaultSourceCode: { specifier: { case: 'inlineString', value: source } },
        statPrefix: 'read_request',
      }),
    }),
  ];
}

/** Its place in the chain. What stands in for it until it arrives refuses all. */
export function readRequestPlace(service: ServiceIr): HttpFilter[] {
  if (!service.describesGrpc) return [];
  const closed = any(HttpRbacSchema, { rules: rbac('allow'), rulesStatPrefix: 'read_' });
  return [
    create(HttpFilterSchema, {
      name: extensionName(service, readRequestName),
      configType: {
        case: 'configDiscovery',
        value: create(ExtensionConfigSourceSchema, {
          configSource: ads(),
          typeUrls: [`type.googleapis.com/${LuaSchema.typeName}`, closed.typeUrl],
          defaultConfig: closed,
          applyDefaultConfigWithoutWarming: true,
        }),
      },
    }),
  ];
}

/** Sorted: equal rules make equal bytes. */
function readRequests({ authorization }: ServiceIr, domain: TrustDomain): ReadRequests {
  const rules = [...authorization.allow, ...authorization.shadowAllow].filter(reads);
  const methods = new Map<string, Map<string, ReadField>>();
  for (const { path, matchingCell } of rules.flatMap(({ operations }) => operations)) {
    if (matchingCell === undefined || path?.kind !== 'exact') continue;
    const { field: name, number, type } = matchingCell;
    methods.set(path.path, (methods.get(path.path) ?? new Map()).set(name, { name, number, type }));
  }
  const callers = rules.map(({ principals }) => cellCallers(principals, domain));
  return {
    methods: [...methods]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, fields]) => [path, [...fields.values()].sort((a, b) => a.number - b.number)]),
    ids: sorted(callers.flatMap(({ ids }) => ids)),
    prefixes: sorted(callers.flatMap(({ prefixes }) => prefixes)),
  };
}

function reads({ operations }: RuleIr): boolean {
  return operations.some(({ matchingCell }) => matchingCell !== undefined);
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
