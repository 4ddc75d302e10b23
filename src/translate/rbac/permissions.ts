// A rule's operations as RBAC permissions. Paths are matched by `url_path`: as normalised by the connection manager and without the query.
// Nothing a user writes becomes a regular expression; templates become a generated one, because a `uri_template` would not match every
// non-empty segment (it allows only some characters), which for a deny would be a bypass.
import { create } from '@bufbuild/protobuf';
import { type Permission, PermissionSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { type RegexMatcher, RegexMatcherSchema } from '#gen/envoy/type/matcher/v3/regex_pb.js';
import type { StringMatcher } from '#gen/envoy/type/matcher/v3/string_pb.js';
import type { OperationIr, PathIr } from '../../policy/authorization-ir.ts';
import { denyPathRegex } from './deny-path.ts';
import { literal } from './literal.ts';

/** Other codecs (`application/grpc+json`) could make the proxy and the application read different texts. */
const protobufRequests = ['application/grpc', 'application/grpc+proto'];

/** Any of these. No operations: every one. */
export function permissions(operations: readonly OperationIr[], action: 'allow' | 'deny'): Permission[] {
  return operations.length === 0 ? [anyOperation()] : operations.map((one) => operation(one, action));
}

export function anyOperation(): Permission {
  return create(PermissionSchema, { rule: { case: 'any', value: true } });
}

/** For a `matchingCell`, only the kind of request that it can be read from; principals handle the cell. */
function operation({ methods, path, matchingCell }: OperationIr, action: 'allow' | 'deny'): Permission {
  return and([
    ...(matchingCell === undefined
      ? []
      : [headerIs(':method', 'POST'), or(protobufRequests.map((type) => headerIs('content-type', type)))]),
    ...(methods === undefined ? [] : [or(methods.map((method) => methodIs(method, action)))]),
    ...(path === undefined ? [] : [or(patterns(path, action).map((pattern) => pathIs(pattern)))]),
  ]);
}

/** Case-insensitive, for escapes. */
export function pathContains(text: string): Permission {
  return pathIs({ case: 'contains', value: text }, true);
}

/** The whole path by a generated pattern, case-insensitive. */
export function pathMatches(pattern: string): Permission {
  return pathIs({ case: 'safeRegex', value: create(RegexMatcherSchema, { regex: `(?i)${pattern}` }) });
}

/** What follows the path, including "?", by a generated pattern, case-insensitive. */
export function queryMatches(pattern: string): Permission {
  return create(PermissionSchema, {
    rule: {
      case: 'header',
      value: {
        name: ':path',
        headerMatchSpecifier: {
          case: 'stringMatch',
          value: { matchPattern: { case: 'safeRegex', value: regex(`(?i)[^?]*${pattern}`) } },
        },
      },
    },
  });
}

/** An empty list matches everything. */
export function and(rules: readonly Permission[]): Permission {
  const [first] = rules;
  if (first === undefined) return anyOperation();
  return rules.length === 1
    ? first
    : create(PermissionSchema, { rule: { case: 'andRules', value: { rules: [...rules] } } });
}

export function not(value: Permission): Permission {
  return create(PermissionSchema, { rule: { case: 'notRule', value } });
}

/** An empty list matches nothing. */
export function or(rules: readonly Permission[]): Permission {
  const [first] = rules;
  // An empty list of methods or paths matches nothing, rather than everything.
  if (first === undefined) return not(anyOperation());
  return rules.length === 1
    ? first
    : create(PermissionSchema, { rule: { case: 'orRules', value: { rules: [...rules] } } });
}

/**
 * A method is case-sensitive (RFC 9110 §9.1), but not for every server: a deny matches in any case, because "delete" can arrive over
 * HTTP/2.
 */
function methodIs(method: string, action: 'allow' | 'deny'): Permission {
  return headerIs(':method', method, action === 'deny');
}

/** `name` in lower case. `ignoreCase` is about the value. */
export function headerIs(name: string, value: string, ignoreCase = false): Permission {
  return create(PermissionSchema, {
    rule: {
      case: 'header',
      value: {
        name,
        headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value }, ignoreCase } },
      },
    },
  });
}

/** Whatever its value, even an empty one. */
export function headerPresent(name: string): Permission {
  return create(PermissionSchema, {
    rule: { case: 'header', value: { name, headerMatchSpecifier: { case: 'presentMatch', value: true } } },
  });
}

function pathIs(matchPattern: StringMatcher['matchPattern'], ignoreCase = false): Permission {
  return create(PermissionSchema, {
    rule: { case: 'urlPath', value: { rule: { case: 'path', value: { matchPattern, ignoreCase } } } },
  });
}

/** A deny rule also looks through escapes. */
function patterns(path: PathIr, action: 'allow' | 'deny'): StringMatcher['matchPattern'][] {
  if (action === 'deny') return [{ case: 'safeRegex', value: regex(denyPathRegex(path)) }];
  switch (path.kind) {
    case 'exact':
      return [{ case: 'exact', value: path.path }];
    case 'prefix':
      return path.path.endsWith('/')
        ? [{ case: 'prefix', value: path.path }]
        : [
            { case: 'exact', value: path.path },
            { case: 'prefix', value: `${path.path}/` },
          ];
    case 'template':
      return [{ case: 'safeRegex', value: regex(templateRegex(path.segments)) }];
    default:
      return path satisfies never;
  }
}

/**
 * Envoy refuses programs over 100 by default; the field that raises this is deprecated and causes a warning, so only long expressions have
 * it. The longest path that a document may name (1024 characters) stays under `maxProgramSize`.
 */
const shortProgramSize = 80;
const maxProgramSize = 20_000;

/** Envoy matches the whole string. */
function regex(text: string): RegexMatcher {
  return create(RegexMatcherSchema, {
    regex: text,
    ...(programSize(text) <= shortProgramSize ? {} : { engineType: { case: 'googleRe2', value: { maxProgramSize } } }),
  });
}

/** An upper bound: `[^/]` is compiled to the ranges of UTF-8, everything else to one instruction per character. */
function programSize(text: string): number {
  return text.replaceAll('\\', '').replaceAll('[^/]', ' '.repeat(24)).length;
}

function templateRegex(segments: readonly (string | null)[]): string {
  return segments.map((segment) => `/${segment === null ? '[^/]+' : literal(segment)}`).join('');
}
