// Finds the right one of many allow rules of a service, instead of trying them all: Envoy evaluates the policies of `rules` one after the
// other, and 5,000 of them cost a call 20 ms. Rules that name callers and exact paths or prefixes form a tree: by the caller's ID, then by
// the beginning of the path. It is in the deny filter, in place of shadow rules, which decide nothing and leave their result in metadata;
// one policy of the allow filter uses that result, for callers with a verified certificate. Without a result it allows nobody.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ActionSchema,
  MetadataSource,
  type Principal,
  PrincipalSchema,
  RBAC_Action,
} from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { UriSanInputSchema } from '#gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js';
import { HttpRequestHeaderMatchInputSchema } from '#gen/envoy/type/matcher/v3/http_inputs_pb.js';
import {
  type Matcher,
  type Matcher_MatcherList_PredicateSchema,
  type Matcher_OnMatchSchema,
  MatcherSchema,
} from '#gen/xds/type/matcher/v3/matcher_pb.js';
import { type SpiffeId, trustDomainOf } from '../../model/spiffe-id.ts';
import type { OperationIr, RuleIr } from '../../policy/authorization-ir.ts';
import type { PortIr } from '../../policy/ir.ts';
import { lookUpPrefix, rbacMetadata } from '../../policy/own-policies.ts';
import { any } from '../wire/any.ts';
import { and, authenticated, isTrusted } from './principals.ts';

type OnMatch = MessageInitShape<typeof Matcher_OnMatchSchema>;
type Predicate = MessageInitShape<typeof Matcher_MatcherList_PredicateSchema>;

/** Fewer are tried in less time than the look-up and its metadata take. */
const worthIt = 64;
/** Entries that one rule may need: each of its callers with each of its paths. */
const maxEntries = 4096;

export interface LookedUp {
  readonly matcher: Matcher;
  /** All rules that are not in the tree. */
  readonly rest: readonly RuleIr[];
}

/** Undefined if it is not worth it, or if shadow policies need its place. On TCP, rules are evaluated once per connection. */
export function lookUp({ protocol, authorization, spiffeId, federated = [] }: PortIr): LookedUp | undefined {
  const { allow: rules, shadowDeny } = authorization;
  if (protocol === 'tcp' || shadowDeny.length > 0) return undefined;
  const taken = rules.filter(isSimple);
  if (taken.length < worthIt) return undefined;
  const trusted = { domain: trustDomainOf(spiffeId), federated };
  const byCaller = new Map<SpiffeId, RuleIr[]>();
  for (const rule of taken) {
    for (const id of callersOf(rule).filter((one) => isTrusted(one, trusted))) {
      const own = byCaller.get(id) ?? [];
      if (own.length === 0) byCaller.set(id, own);
      own.push(rule);
    }
  }
  const map = Object.fromEntries(
    [...byCaller].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, own]) => [id, ofCaller(own)]),
  );
  const input = { name: 'envoy.matching.inputs.uri_san', typedConfig: any(UriSanInputSchema, {}) };
  return {
    matcher: create(MatcherSchema, {
      matcherType: { case: 'matcherTree', value: { input, treeType: { case: 'exactMatchMap', value: { map } } } },
    }),
    rest: rules.filter((rule) => !isSimple(rule)),
  };
}

/** Whom the look-up allowed, with a verified certificate: the tree itself cannot check that. */
export function lookedUp(): Principal {
  const result = create(PrincipalSchema, {
    identifier: {
      case: 'sourcedMetadata',
      value: {
        metadataSource: MetadataSource.DYNAMIC,
        metadataMatcher: {
          filter: rbacMetadata,
          path: [{ segment: { case: 'key', value: `${lookUpPrefix}shadow_engine_result` } }],
          value: {
            matchPattern: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value: 'allowed' } } },
          },
        },
      },
    },
  });
  return and([result, authenticated()]);
}

function isSimple({ principals, operations }: RuleIr): boolean {
  const plain = operations.every(({ path, matchingCell }) => matchingCell === undefined && path?.kind !== 'template');
  return (
    plain &&
    principals.every(({ kind }) => kind === 'id') &&
    principals.length * Math.max(1, operations.length) <= maxEntries
  );
}

function callersOf({ principals }: RuleIr): readonly SpiffeId[] {
  return [...new Set(principals.flatMap((one) => (one.kind === 'id' ? one.id : [])))];
}

function ofCaller(rules: readonly RuleIr[]): OnMatch {
  const everything = rules.find(({ operations }) => operations.length === 0);
  if (everything !== undefined) return allowedBy(everything);
  const byPath = new Map<string, [RuleIr, OperationIr][]>();
  for (const rule of rules) {
    for (const operation of rule.operations) {
      const key = operation.path === undefined || operation.path.kind === 'template' ? '/' : operation.path.path;
      const own = byPath.get(key) ?? [];
      if (own.length === 0) byPath.set(key, own);
      own.push([rule, operation]);
    }
  }
  // If several beginnings match, the longest is tried first, then the next: Envoy goes on if nothing in an entry matches.
  const map = Object.fromEntries(
    [...byPath].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, own]) => [key, inOrder(own)]),
  );
  return {
    onMatch: {
      case: 'matcher',
      value: {
        matcherType: {
          case: 'matcherTree',
          value: { input: header(':path'), treeType: { case: 'prefixMatchMap', value: { map } } },
        },
      },
    },
  };
}

function inOrder(operations: readonly (readonly [RuleIr, OperationIr])[]): OnMatch {
  const matchers = operations.map(([rule, operation]) => ({
    predicate: predicateOf(operation),
    onMatch: allowedBy(rule),
  }));
  return {
    onMatch: { case: 'matcher', value: { matcherType: { case: 'matcherList', value: { matchers } } } },
  };
}

function predicateOf({ methods, path }: OperationIr): Predicate {
  const asked = [
    ...(methods === undefined ? [] : [or(methods.map((method) => is(':method', 'exact', method)))]),
    ...(path === undefined || path.kind === 'template' ? [] : [pathIs(path)]),
  ];
  const [first] = asked;
  if (first === undefined) return is(':path', 'prefix', '/');
  return asked.length === 1 ? first : { matchType: { case: 'andMatcher', value: { predicate: asked } } };
}

/** `:path` includes the query, which rules do not look at; a request with a fragment never gets this far. */
function pathIs({ kind, path }: { readonly kind: 'exact' | 'prefix'; readonly path: string }): Predicate {
  if (kind === 'prefix' && path.endsWith('/')) return is(':path', 'prefix', path);
  const exactly = [is(':path', 'exact', path), is(':path', 'prefix', `${path}?`)];
  return or(kind === 'exact' ? exactly : [...exactly, is(':path', 'prefix', `${path}/`)]);
}

function or(predicate: Predicate[]): Predicate {
  const [first] = predicate;
  // Without any, nothing matches: no header is both.
  if (first === undefined) return is(':method', 'exact', '/');
  return predicate.length === 1 ? first : { matchType: { case: 'orMatcher', value: { predicate } } };
}

function is(name: ':method' | ':path', pattern: 'exact' | 'prefix', value: string): Predicate {
  return {
    matchType: {
      case: 'singlePredicate',
      value: {
        input: header(name),
        matcher: { case: 'valueMatch', value: { matchPattern: { case: pattern, value } } },
      },
    },
  };
}

function header(headerName: string) {
  return { name: headerName, typedConfig: any(HttpRequestHeaderMatchInputSchema, { headerName }) };
}

function allowedBy({ id }: RuleIr): OnMatch {
  const typedConfig = any(ActionSchema, { name: id, action: RBAC_Action.ALLOW });
  return { onMatch: { case: 'action', value: { name: 'action', typedConfig } } };
}
