// Which nodes a CSDS request is about. Matchers are alternatives; all conditions of one must hold.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/matcher/v3/node.proto
import type { NodeMatcher } from '#gen/envoy/type/matcher/v3/node_pb.js';
import type { DoubleMatcher } from '#gen/envoy/type/matcher/v3/number_pb.js';
import type { StringMatcher } from '#gen/envoy/type/matcher/v3/string_pb.js';
import type { StructMatcher } from '#gen/envoy/type/matcher/v3/struct_pb.js';
import type { ValueMatcher } from '#gen/envoy/type/matcher/v3/value_pb.js';
import { CellwallError } from '../../lib/errors.ts';
import type { StreamNode } from '../server/node.ts';

/** No matchers: every node. */
export function matchesNode(matchers: readonly NodeMatcher[], node: Pick<StreamNode, 'id' | 'metadata'>): boolean {
  return (
    matchers.length === 0 ||
    matchers.some(
      ({ nodeId, nodeMetadatas }) =>
        (nodeId === undefined || matchesString(nodeId, node.id)) &&
        nodeMetadatas.every((matcher) => matchesMetadata(matcher, node.metadata)),
    )
  );
}

function matchesString({ matchPattern: pattern, ignoreCase }: StringMatcher, text: string): boolean {
  const fold = (value: string): string => (ignoreCase ? value.toLowerCase() : value);
  switch (pattern.case) {
    case 'exact':
      return fold(text) === fold(pattern.value);
    case 'prefix':
      return fold(text).startsWith(fold(pattern.value));
    case 'suffix':
      return fold(text).endsWith(fold(pattern.value));
    case 'contains':
      return fold(text).includes(fold(pattern.value));
    case 'safeRegex':
    case 'custom':
      throw new CellwallError('invalid_argument', `node matchers cannot use ${pattern.case}`, {
        hint: 'use exact, prefix, suffix or contains',
      });
    case undefined:
      throw new CellwallError('invalid_argument', 'a string matcher without a pattern');
    default:
      return pattern satisfies never;
  }
}

function matchesMetadata({ path, value }: StructMatcher, metadata: Readonly<Record<string, unknown>>): boolean {
  let found: unknown = metadata;
  for (const { segment } of path) {
    if (segment.case !== 'key' || typeof found !== 'object' || found === null) return false;
    found = Object.hasOwn(found, segment.value) ? Reflect.get(found, segment.value) : undefined;
  }
  return value === undefined || matchesValue(value, found);
}

function matchesValue({ matchPattern: pattern }: ValueMatcher, value: unknown): boolean {
  switch (pattern.case) {
    case 'nullMatch':
      return value === null;
    case 'boolMatch':
      return value === pattern.value;
    case 'stringMatch':
      return typeof value === 'string' && matchesString(pattern.value, value);
    case 'doubleMatch':
      return typeof value === 'number' && matchesNumber(pattern.value, value);
    case 'presentMatch':
      return (value !== undefined) === pattern.value;
    case 'listMatch': {
      const { matchPattern } = pattern.value;
      if (matchPattern.case === undefined || !Array.isArray(value)) return false;
      const one = matchPattern.value;
      return value.some((entry: unknown) => matchesValue(one, entry));
    }
    case 'orMatch':
      return pattern.value.valueMatchers.some((matcher) => matchesValue(matcher, value));
    case undefined:
      throw new CellwallError('invalid_argument', 'a value matcher without a pattern');
    default:
      return pattern satisfies never;
  }
}

/** A range includes its start, but not its end. */
function matchesNumber({ matchPattern: pattern }: DoubleMatcher, value: number): boolean {
  if (pattern.case === 'exact') return value === pattern.value;
  return pattern.case === 'range' && value >= pattern.value.start && value < pattern.value.end;
}
