// What a proxy can be given, by the version that it says it has.

/** The first Envoy whose RBAC filters keep the results of several filters apart, shadow rules' included. */
const shadowRulesSince = [1, 24] as const;

/**
 * `envoy/1.40.0`. Others are given no shadow rules at all: those are watched, never enforced, and a proxy that cannot watch them
 * does without. What is no version of Envoy (another xDS client, a test) is taken to know what it asks for.
 */
export function knowsShadowRules(userAgent: string): boolean {
  const match = /^envoy\/(\d{1,4})\.(\d{1,4})\./.exec(userAgent);
  if (match === null) return true;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > shadowRulesSince[0] || (major === shadowRulesSince[0] && minor >= shadowRulesSince[1]);
}
