// The first filter of a TCP chain that accepts certificates of foreign trust domains: lets only callers pass whose certificate names
// exactly one SPIFFE ID (X509-SVID §2). The SPIFFE validator looks at the first URI SAN, `mtls_authenticated` at any: a foreign CA could
// add one of ours. Over HTTP a rule of the deny filter does it. Not by ECDS: it never changes.
import { create } from '@bufbuild/protobuf';
import { type Filter, FilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { ActionSchema, RBAC_Action } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { UriSanInputSchema } from '#gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js';
import { type Matcher, MatcherSchema } from '#gen/xds/type/matcher/v3/matcher_pb.js';
import { filterTraces } from '../../lib/inbound-filters.ts';
import { spiffeIdRegex } from '../../model/spiffe-id.ts';
import { guards } from '../../policy/own-policies.ts';
import { any } from '../wire/any.ts';
import { constant } from '../wire/constant.ts';

/** Of the URI SANs of a certificate, joined with ",": exactly one SPIFFE ID, written as the standard says. */
const oneSpiffeId = { regex: spiffeIdRegex, engineType: { case: 'googleRe2', value: {} } } as const;

/** The linter accepts no other tree of rules. */
export const oneIdentityMatcher = constant((): Matcher => {
  const input = { name: 'envoy.matching.inputs.uri_san', typedConfig: any(UriSanInputSchema, {}) };
  const decided = (name: string, action: RBAC_Action) => ({
    onMatch: { case: 'action' as const, value: { name: 'action', typedConfig: any(ActionSchema, { name, action }) } },
  });
  return create(MatcherSchema, {
    matcherType: {
      case: 'matcherList',
      value: {
        matchers: [
          {
            predicate: {
              matchType: {
                case: 'singlePredicate',
                value: {
                  input,
                  matcher: { case: 'valueMatch', value: { matchPattern: { case: 'safeRegex', value: oneSpiffeId } } },
                },
              },
            },
            onMatch: decided('one-identity', RBAC_Action.ALLOW),
          },
        ],
      },
    },
    onNoMatch: decided(guards.severalIdentities, RBAC_Action.DENY),
  });
});

export const oneIdentity = constant(
  (): Filter =>
    create(FilterSchema, {
      name: 'cellwall.one-identity',
      configType: {
        case: 'typedConfig',
        value: any(NetworkRbacSchema, {
          matcher: oneIdentityMatcher(),
          statPrefix: filterTraces['authz-deny'].statPrefix,
        }),
      },
    }),
);
