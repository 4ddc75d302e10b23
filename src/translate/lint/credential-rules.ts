// Tokens that a sidecar adds: only in place of what the caller sent, and what callers send is compared before it arrives.
import { ExtensionWithMatcherSchema } from '#gen/envoy/extensions/common/matching/v3/extension_matcher_pb.js';
import { ApiKeyAuthSchema } from '#gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.js';
import { CompositeSchema } from '#gen/envoy/extensions/filters/http/composite/v3/composite_pb.js';
import { CredentialInjectorSchema } from '#gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.js';
import { about, type Rule } from './rule.ts';

const injection = about([CredentialInjectorSchema], ({ overwrite, allowRequestWithoutCredential }) =>
  overwrite && !allowRequestWithoutCredential
    ? []
    : [['credential-kept', 'a token is set in place of what the caller sent, or the request is refused']],
);

const keys = about([ApiKeyAuthSchema], ({ keySources, forwarding }) =>
  keySources.length === 1 &&
  keySources.every(({ header, query, cookie }) => header !== '' && query === '' && cookie === '') &&
  forwarding === undefined
    ? []
    : [['credential-place', 'a token comes in one named header, not in a URL or a cookie']],
);

const choice = about([ExtensionWithMatcherSchema], ({ extensionConfig, xdsMatcher }) =>
  extensionConfig?.typedConfig?.typeUrl.endsWith(CompositeSchema.typeName) === true &&
  xdsMatcher?.onNoMatch !== undefined
    ? []
    : [['credential-nobody', 'who is in no list is decided about, too']],
);

export const credentialRules: readonly Rule[] = [injection, keys, choice];
