// Names of policies on a proxy that do not come from a rule of a document: translate writes them, observe and explain read them back. A
// rule's ID ends in a number, so the two cannot be confused.
const prefix = 'cellwall/';
export const guardPrefix = `${prefix}guard/`;

/** Whether the policy is neither a rule's nor for break-glass. */
export function isOwnPolicy(name: string): boolean {
  return name.startsWith(prefix);
}

/** Envoy reports the first matching policy, in the order of names: this one. */
export const breakGlassPolicy = `!${prefix}break-glass`;
export const healthPolicy = `${prefix}health`;
export const fallbackPolicy = `${prefix}fallback`;
export const cellDefaultPolicy = `${prefix}cell-default`;

export const guards = {
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
