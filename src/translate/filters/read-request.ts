// Reads fields of gRPC requests into metadata, for `matchingCell` rules. Lua, because what decides about a stream must keep its state in
// the stream: Envoy's own message extraction keeps it in the filter's configuration, where streams affect each other, and its field
// extraction accepts the field's number in any wire type. It is delivered by ECDS like the rules; until it arrives, all requests are
// refused.
import { LuaSchema } from '#gen/envoy/extensions/filters/http/lua/v3/lua_pb.js';
import type { TrustDomain } from '../../model/spiffe-id.ts';
import type { RuleIr } from '../../policy/authorization-ir.ts';
import type { PortIr } from '../../policy/ir.ts';
import { luaRules } from '../lint/lua-rules.ts';
import { cellCallers } from '../rbac/cell-callers.ts';
import { any } from '../wire/any.ts';
import { type InboundFilter, ruleLists } from './inbound-filter.ts';
import { type ReadField, type ReadRequests, readRequestSource } from './read-request-program.ts';

export const readRequest: InboundFilter = {
  name: 'read-request',
  slot: 'read',
  /** Those that describe their gRPC. Without a rule that needs it, it reads nothing. */
  appliesTo: ({ describesGrpc }) => describesGrpc,
  messages: { http: LuaSchema },
  lists: ruleLists,
  takes: readsRequest,
  build(service, { trustDomain }) {
    const source = readRequestSource(readRequests(service, trustDomain));
    return any(LuaSchema, {
      defaultSourceCode: { specifier: { case: 'inlineString', value: source } },
      statPrefix: 'read_request',
    });
  },
  lint: luaRules,
};

/** Sorted: equal rules give equal bytes. */
function readRequests({ authorization }: PortIr, domain: TrustDomain): ReadRequests {
  const rules = [...authorization.allow, ...authorization.shadowAllow].filter(readsRequest);
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

/** Whether the rule depends on a field of the message. */
export function readsRequest({ operations }: RuleIr): boolean {
  return operations.some(({ matchingCell }) => matchingCell !== undefined);
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
