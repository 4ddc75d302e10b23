// Whom a raw resource admits: only callers that a certificate names. Every other kind of principal (any, an address, a header, a path,
// metadata, "not") can mean anyone, by itself or combined with others of its kind; so what translate did not make itself must name a SPIFFE
// ID wherever it allows. Compares the resources before and after raw changes, and returns findings.
import { create, equals, isMessage, type Message } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import {
  type Policy,
  PolicySchema,
  type Principal,
  type RBAC,
  RBAC_Action,
  RBACSchema,
} from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { ConfigSchema as MtlsAuthenticatedSchema } from '#gen/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.js';
import { type Matcher, MatcherSchema } from '#gen/xds/type/matcher/v3/matcher_pb.js';
import { guardPrefix } from '../../policy/own-policies.ts';
import { authzAllow } from '../filters/authz-allow.ts';
import { authzDeny } from '../filters/authz-deny.ts';
import { filterNamed } from '../filters/inbound-filters.ts';
import type { Finding } from '../lint/finding.ts';
import { extensionRegistry } from '../lint/registry.ts';
import type { TranslatedResource } from '../proxy.ts';
import { targetKey } from './raw-target.ts';

/** `base` is what translate made, `result` what raw resources turned it into. */
export function allowedCallers(
  base: readonly TranslatedResource[],
  result: readonly TranslatedResource[],
): readonly Finding[] {
  const own = new Map(base.map((resource) => [targetKey(resource), resource]));
  return result.flatMap((resource) => {
    const before = own.get(targetKey(resource));
    if (before === resource || !isMessage(resource.message, TypedExtensionConfigSchema)) return [];
    return wrongsOf(resource.message, before?.message).map(([code, message, path]) => ({
      code,
      message,
      typeUrl: resource.typeUrl,
      resource: resource.name,
      path,
    }));
  });
}

type PlacedWrong = readonly [code: string, message: string, path: string];

function wrongsOf(config: TypedExtensionConfig, before: Message | undefined): readonly PlacedWrong[] {
  const stands = [authzAllow, authzDeny].find((filter) => filter === filterNamed(config.name));
  const rules = rulesOf(config);
  if (stands !== undefined && rules === undefined) {
    return [['raw-authorization-type', `${config.name} is an RBAC filter with rules`, 'typedConfig']];
  }
  if (rules === undefined) return [];
  const action = stands === authzDeny ? RBAC_Action.DENY : RBAC_Action.ALLOW;
  // A deny filter in place of an allow filter admits everyone whom it does not name.
  if (stands !== undefined && rules.action !== action) {
    return [
      ['raw-authorization-action', `${config.name} has the action ${RBAC_Action[action]}`, 'typedConfig.rules.action'],
    ];
  }
  const own = isMessage(before, TypedExtensionConfigSchema) ? rulesOf(before) : undefined;
  // What it finds is allowed by a policy that does not change with it.
  if (!isSameLookUp(config, before)) {
    return [['rbac-look-up', 'the tree of many allow rules stays as it is', 'typedConfig.shadowMatcher']];
  }
  return rules.action === RBAC_Action.ALLOW ? strangers(rules, own) : withoutGuards(rules, own);
}

function strangers(rules: RBAC, own: RBAC | undefined): readonly PlacedWrong[] {
  return Object.entries(rules.policies).flatMap(([name, policy]): readonly PlacedWrong[] =>
    isSame(policy, own?.policies[name]) || policy.principals.every(namesCaller)
      ? []
      : [
          [
            'rbac-anyone',
            'a principal that allows names a SPIFFE ID (mtls_authenticated), alone or in and_ids: others may be anyone',
            `typedConfig.rules.policies["${name}"].principals`,
          ],
        ],
  );
}

function withoutGuards(rules: RBAC, own: RBAC = create(RBACSchema)): readonly PlacedWrong[] {
  return Object.entries(own.policies).flatMap(([name, policy]): readonly PlacedWrong[] =>
    !name.startsWith(guardPrefix) || isSame(policy, rules.policies[name])
      ? []
      : [['rbac-no-guard', `the policy ${name} stays as it is`, 'typedConfig.rules.policies']],
  );
}

function isSame(policy: Policy, other: Policy | undefined): boolean {
  return other !== undefined && equals(PolicySchema, policy, other);
}

function isSameLookUp(config: TypedExtensionConfig, before: Message | undefined): boolean {
  const after = lookUpOf(config);
  const own = isMessage(before, TypedExtensionConfigSchema) ? lookUpOf(before) : undefined;
  return after === undefined || (own !== undefined && equals(MatcherSchema, after, own));
}

function lookUpOf({ typedConfig }: TypedExtensionConfig): Matcher | undefined {
  const config = unpacked(typedConfig);
  return isMessage(config, HttpRbacSchema) || isMessage(config, NetworkRbacSchema) ? config.shadowMatcher : undefined;
}

function namesCaller({ identifier: { case: kind, value } }: Principal): boolean {
  switch (kind) {
    case 'andIds':
      return value.ids.some(namesCaller);
    case 'orIds':
      return value.ids.length > 0 && value.ids.every(namesCaller);
    case 'custom': {
      const config = unpacked(value.typedConfig);
      // Which SANs and patterns are acceptable is checked by the linter.
      return isMessage(config, MtlsAuthenticatedSchema) && config.sanMatcher !== undefined;
    }
    default:
      return false;
  }
}

function rulesOf({ typedConfig }: TypedExtensionConfig): RBAC | undefined {
  const config = unpacked(typedConfig);
  return isMessage(config, HttpRbacSchema) || isMessage(config, NetworkRbacSchema) ? config.rules : undefined;
}

function unpacked(config: TypedExtensionConfig['typedConfig']): Message | undefined {
  try {
    return config && anyUnpack(config, extensionRegistry);
  } catch {
    return undefined;
  }
}
