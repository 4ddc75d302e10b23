// Names of policies on a proxy that are no rule of a document: translate writes them, observe and explain read them back. An ID
// of a rule ends in a number, so that it is none of these.
const prefix = 'cellwall/';
export const guardPrefix = `${prefix}guard/`;

/** Whether the policy is no rule's, nor of break-glass. */
export function isOwnPolicy(name: string): boolean {
  return name.startsWith(prefix);
}

/** Envoy names the first policy, in the order of names, that matches: this one. */
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
  /** Of Envoy itself, before every filter: an upgrade that the service does not name. */
  upgrade: `${guardPrefix}upgrade`,
} as const;

const filterPrefix = `${prefix}filter/`;
/** In records, for what a filter refused that knows no policies. */
export function filterPolicy(filter: string): string {
  return `${filterPrefix}${filter}`;
}

/** The filter of such a name. */
export function filterOfPolicy(policy: string): string | undefined {
  return policy.startsWith(filterPrefix) ? policy.slice(filterPrefix.length) : undefined;
}
