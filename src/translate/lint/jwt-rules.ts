// Tokens: whatever counts as verified was verified, with keys that a document gave, for an issuer and audiences that it named.
import { isMessage } from '@bufbuild/protobuf';
import {
  type JwtAuthentication,
  JwtAuthenticationSchema,
  JwtProviderSchema,
  type JwtRequirement,
  JwtRequirementSchema,
  PerRouteConfigSchema,
} from '#gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { about, type Rule, type Wrong } from './rule.ts';

const provider = about([JwtProviderSchema], (message) => {
  const wrong: Wrong[] = [];
  if (message.issuer === '')
    wrong.push(['jwt-any-issuer', 'a provider without an issuer takes every token of its keys']);
  if (message.audiences.length === 0) wrong.push(['jwt-any-audience', 'tokens for others are taken, too']);
  if (!message.requireExpiration) wrong.push(['jwt-for-ever', 'a token without an end is taken']);
  if (
    message.jwksSourceSpecifier.case !== 'localJwks' ||
    message.jwksSourceSpecifier.value.specifier.case !== 'inlineString'
  ) {
    wrong.push(['jwt-keys', 'keys are given inline: what is fetched is not what was reviewed']);
  }
  if (message.forwardPayloadHeader !== '' || message.claimToHeaders.length > 0) {
    wrong.push(['jwt-forwarded-payload', 'a payload in a header is forged by whoever sends no token']);
  }
  if (message.fromHeaders.length === 0 || message.fromParams.length > 0 || message.fromCookies.length > 0) {
    wrong.push(['jwt-place', 'a token comes in one named header, not in a URL or a cookie']);
  }
  return wrong;
});

/** "Missing" and "failed" may pass on to the rules, as the last of several: alone they would verify nothing. */
const requirement = about([JwtRequirementSchema, PerRouteConfigSchema, JwtAuthenticationSchema], (message) => {
  if (isMessage(message, JwtRequirementSchema) && message.requiresType.case === 'extractOnlyWithoutValidation') {
    return [['jwt-unverified', 'a payload is read without being verified']];
  }
  if (isMessage(message, PerRouteConfigSchema))
    return [['jwt-per-route', 'a route turns verification off or changes it']];
  return isMessage(message, JwtAuthenticationSchema) && !message.rules.every(verifies)
    ? [['jwt-nothing-verified', 'every requirement begins with a provider']]
    : [];
});

function verifies({ requirementType: { case: kind, value } }: JwtAuthentication['rules'][number]): boolean {
  return kind === 'requires' && beginsWithProvider(value);
}

function beginsWithProvider({ requiresType: { case: kind, value } }: JwtRequirement): boolean {
  if (kind === 'providerName' || kind === 'providerAndAudiences') return true;
  const first = kind === 'requiresAny' ? value.requirements[0] : undefined;
  return first !== undefined && beginsWithProvider(first);
}

export const jwtRules: readonly Rule[] = [provider, requirement];
