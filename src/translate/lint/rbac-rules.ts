// Authorization that would fail open, or that `explain` cannot decide.
import { equals, isMessage, type Message } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ExtensionConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import {
  PermissionSchema,
  PolicySchema,
  PrincipalSchema,
  type RBAC,
  RBAC_Action,
  RBACSchema,
} from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { ConfigSchema as MtlsAuthenticatedSchema } from '#gen/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.js';
import {
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { MatcherSchema } from '#gen/xds/type/matcher/v3/matcher_pb.js';
import { hostNameOid, hostNamePattern } from '../../lib/host-name.ts';
import { guards } from '../../policy/own-policies.ts';
import { oneIdentityMatcher } from '../inbound/one-identity.ts';
import { unpacked } from '../wire/any.ts';
import { extensionRegistry } from './registry.ts';
import { about, type Rule, type Wrong } from './rule.ts';

/** Envoy accepts absent rules, and then allows everyone. */
const rulesPresent = about([HttpRbacSchema, NetworkRbacSchema], (message) => {
  if (message.matcher !== undefined) {
    return equals(MatcherSchema, message.matcher, oneIdentityMatcher())
      ? []
      : [['rbac-matcher', 'a matcher tree is not looked into: use rules']];
  }
  return message.rules === undefined ? [['rbac-no-rules', 'RBAC without rules allows everyone']] : [];
});

const action = about([RBACSchema], (message) =>
  message.action === RBAC_Action.LOG ? [['rbac-log', 'the action LOG allows everyone']] : [],
);

const policies = about([PolicySchema], (message) =>
  message.principals.length === 0 || message.permissions.length === 0
    ? [['rbac-empty-policy', 'a policy needs principals and permissions']]
    : [],
);

/** `authenticated: {}` is anyone with TLS, with or without a certificate; with a name it also matches DNS SANs and subjects. */
const principals = about([PrincipalSchema], (message) => {
  if (message.identifier.case === 'authenticated') return [['rbac-authenticated', 'use mtls_authenticated']];
  return message.identifier.case === undefined ? [['rbac-empty-principal', 'a principal names someone']] : [];
});

const permissions = about([PermissionSchema], (message) =>
  message.rule.case === undefined ? [['rbac-empty-permission', 'a permission names something']] : [],
);

/** In one trust domain: "spiffe://" alone would match anyone in any. */
const wholeId = /^spiffe:\/\/[^/]+\/./;
const wholePrefix = /^spiffe:\/\/[^/]+\/(?:.*\/)?$/;

const mtlsAuthenticated = about([MtlsAuthenticatedSchema], (message, ancestors) => {
  const { sanMatcher, anyValidatedClientCertificate } = message;
  if (sanMatcher === undefined) {
    return anyValidatedClientCertificate ? [] : [['rbac-empty-principal', 'mtls_authenticated names nobody']];
  }
  // A ban names a host. To allow by a host would be to allow whoever gets its identity next.
  if (sanMatcher.sanType === SubjectAltNameMatcher_SanType.OTHER_NAME) return deniesHost(sanMatcher, ancestors);
  if (sanMatcher.sanType !== SubjectAltNameMatcher_SanType.URI) {
    return [['rbac-san-type', 'only a URI SAN is an identity']];
  }
  const pattern = sanMatcher.matcher?.matchPattern;
  const whole =
    sanMatcher.matcher?.ignoreCase === false &&
    ((pattern?.case === 'exact' && wholeId.test(pattern.value)) ||
      (pattern?.case === 'prefix' && wholePrefix.test(pattern.value)));
  return whole
    ? []
    : [['rbac-san-pattern', 'a SPIFFE ID is matched exactly, or as a prefix of a trust domain that ends in "/"']];
});

function deniesHost({ oid, matcher }: SubjectAltNameMatcher, ancestors: readonly Message[]): readonly Wrong[] {
  const pattern = matcher?.matchPattern;
  const isHost = pattern?.case === 'exact' && hostNamePattern.test(pattern.value) && !matcher?.ignoreCase;
  const isDenied = ancestors.some((message) => isMessage(message, RBACSchema) && message.action === RBAC_Action.DENY);
  return oid === hostNameOid && isHost && isDenied ? [] : [['rbac-san-type', 'only a URI SAN is an identity']];
}

/** Before the first configuration arrives, and after it was removed. */
const denyByDefault = about([ExtensionConfigSourceSchema], (message) => {
  const rules = defaultRules(message.defaultConfig);
  const closed = rules?.action === RBAC_Action.ALLOW && Object.keys(rules.policies).length === 0;
  return closed && message.applyDefaultConfigWithoutWarming
    ? []
    : [['ecds-open-default', 'until its configuration arrives, a discovered filter must refuse all, at once']];
});

function defaultRules(config: Any | undefined): RBAC | undefined {
  let message: Message | undefined;
  try {
    message = config && unpacked(config, extensionRegistry);
  } catch {
    return undefined;
  }
  return isMessage(message, HttpRbacSchema) || isMessage(message, NetworkRbacSchema) ? message.rules : undefined;
}

/** Without it, a certificate with a second URI SAN passes as another identity. */
const guarded = about([HttpRbacSchema], (message, ancestors) => {
  if (message.rules?.action !== RBAC_Action.DENY) return [];
  const [resource] = ancestors;
  if (resource === undefined || !isMessage(resource, TypedExtensionConfigSchema)) return [];
  return Object.hasOwn(message.rules.policies, guards.severalIdentities)
    ? []
    : [['rbac-no-guard', `a deny filter holds the policy ${guards.severalIdentities}`]];
});

export const rbacRules: readonly Rule[] = [
  rulesPresent,
  action,
  policies,
  principals,
  permissions,
  mtlsAuthenticated,
  denyByDefault,
  guarded,
];
