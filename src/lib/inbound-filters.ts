// How Envoy's filters in front of a service show, by the name of the filter: in access logs, in counters, and in the answer to a refused
// caller. translate gives Envoy these names; observe and the sidecar read them back. They are here because lib is the only room that all
// three may import. How a filter is built is a file in translate/filters/; types make sure that both lists agree.

/** `statPrefix` begins the names of a filter's results in metadata, and of its counters: each filter needs its own. */
export type FilterTraces =
  /** Provides what later filters look at, and refuses nobody. */
  | { readonly kind: 'reads'; readonly statPrefix: string }
  /** Decides by rules of documents: Envoy's RBAC, whose results are in the metadata. */
  | { readonly kind: 'authorizes'; readonly statPrefix: string }
  /** Decides by anything else. Envoy's explanation (%RESPONSE_CODE_DETAILS%) begins with one of `refusesWith`. */
  | { readonly kind: 'refuses'; readonly statPrefix: string; readonly refusesWith: readonly [string, ...string[]] };

const filters = {
  'authz-deny': { kind: 'authorizes', statPrefix: 'authz_deny_' },
  'authz-allow': { kind: 'authorizes', statPrefix: 'authz_allow_' },
  'jwt-authn': { kind: 'reads', statPrefix: 'jwt_' },
  'read-request': { kind: 'reads', statPrefix: 'read_' },
  'service-credential': {
    kind: 'refuses',
    statPrefix: 'credential_',
    refusesWith: ['failed_to_inject_credential', 'unknown_api_key', 'missing_api_key'],
  },
} as const satisfies Readonly<Record<string, FilterTraces>>;

/** Also the last part of the name of its resource. */
export type InboundFilterName = keyof typeof filters;

export const filterTraces: Readonly<Record<InboundFilterName, FilterTraces>> = filters;

export const inboundFilterNames = Object.keys(filters).filter(isInboundFilterName);

function isInboundFilterName(name: string): name is InboundFilterName {
  return Object.hasOwn(filters, name);
}

/** The filter that refused, according to Envoy's explanation. For RBAC, that names a policy instead. */
export function refusingFilter(details: string): InboundFilterName | undefined {
  return inboundFilterNames.find((name) => {
    const traces = filterTraces[name];
    return traces.kind === 'refuses' && traces.refusesWith.some((start) => details.startsWith(start));
  });
}

/** In the allow filter, a policy: allowed by one of many rules, which the deny filter found. Its name stands beside it in the metadata. */
export const lookedUpPolicy = 'cellwall/looked-up';
