// What Envoy's filters before a service leave behind, by the name of the filter: in access logs, in counters, and in the answer to whom
// they refuse. translate gives Envoy these names; observe and the sidecar read them back. They are here because lib is the one room that
// all three may import. How a filter is built is a file in translate/filters/, which the types hold to this list.

/** `statPrefix` begins the names of a filter's results in metadata, and of its counters: each filter needs its own. */
export type FilterTraces =
  /** Leaves what filters behind it look at, and refuses nobody. */
  | { readonly kind: 'reads'; readonly statPrefix: string }
  /** Decides by rules of documents: Envoy's RBAC, whose results stand in the metadata. */
  | { readonly kind: 'authorizes'; readonly statPrefix: string }
  /** Decides by anything else. `refusesWith` begins Envoy's words for why (%RESPONSE_CODE_DETAILS%). */
  | { readonly kind: 'refuses'; readonly statPrefix: string; readonly refusesWith: string };

const filters = {
  'authz-deny': { kind: 'authorizes', statPrefix: 'authz_deny_' },
  'authz-allow': { kind: 'authorizes', statPrefix: 'authz_allow_' },
  'jwt-authn': { kind: 'reads', statPrefix: 'jwt_' },
  'read-request': { kind: 'reads', statPrefix: 'read_' },
} as const satisfies Readonly<Record<string, FilterTraces>>;

/** Also the last part of the name of its resource. */
export type InboundFilterName = keyof typeof filters;

export const filterTraces: Readonly<Record<InboundFilterName, FilterTraces>> = filters;

export const inboundFilterNames = Object.keys(filters).filter(isInboundFilterName);

function isInboundFilterName(name: string): name is InboundFilterName {
  return Object.hasOwn(filters, name);
}

/** The filter that refused, by Envoy's words for why. Of RBAC, the words name a policy instead. */
export function refusingFilter(details: string): InboundFilterName | undefined {
  return inboundFilterNames.find((name) => {
    const traces = filterTraces[name];
    return traces.kind === 'refuses' && details.startsWith(traces.refusesWith);
  });
}
