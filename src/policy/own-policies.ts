// Names of policies on a proxy that do not come from a rule of a document: translate writes them, observe and explain read them back. A
// rule's ID ends in a number, so the two cannot be confused.
const prefix = 'cellwall/';
/** Guards refuse requests that proxy and application could read differently, whatever the rules say. */
export const guardPrefix = `${prefix}guard/`;

/** Whether the policy is neither a rule's nor for break-glass. */
export function isOwnPolicy(name: string): boolean {
  return name.startsWith(prefix);
}

/** Envoy reports the first matching policy, in the order of names: this one. */
export const breakGlassPolicy = `!${prefix}break-glass`;
/** Allows everyone the port's health check, if it has a path for it. */
export const healthPolicy = `${prefix}health`;
/** Allows everyone: for a port that no enforced policy targets and whose default is to allow. */
export const fallbackPolicy = `${prefix}fallback`;
export const rbacMetadata = 'envoy.filters.http.rbac';
/** Begins the names of what the look-up leaves there. */
export const lookUpPrefix = 'authz_lookup_';
/** Allows the callers that the Mesh's defaults inside and across cells allow. */
export const cellDefaultPolicy = `${prefix}cell-default`;

/** One name for each reason. */
export const guards = {
  /** An identity or a host that an operator banned. */
  banned: `${guardPrefix}banned`,
  severalIdentities: `${guardPrefix}several-identities`,
  pathParameters: `${guardPrefix}path-parameters`,
  doubleEscapes: `${guardPrefix}double-escapes`,
  hiddenDots: `${guardPrefix}hidden-dots`,
  methodInQuery: `${guardPrefix}method-in-query`,
  overrides: `${guardPrefix}overrides`,
  /** By Envoy itself, before every filter: an upgrade that the service does not allow. */
  upgrade: `${guardPrefix}upgrade`,
} as const;

const filterPrefix = `${prefix}filter/`;
/** In records, for denials by a filter without policies. */
export function filterPolicy(filter: string): string {
  return `${filterPrefix}${filter}`;
}

/** The filter with such a name. */
export function filterOfPolicy(policy: string): string | undefined {
  return policy.startsWith(filterPrefix) ? policy.slice(filterPrefix.length) : undefined;
}
