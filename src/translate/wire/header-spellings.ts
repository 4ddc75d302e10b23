// The spellings of a header's name that an application may accept for it: CGI, WSGI and Rack treat "-" and "_" as the same, older servers
// other characters as well. Envoy's own header names are lower case.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type HeaderMutation,
  HeaderMutationSchema,
} from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import type { StringMatcherSchema } from '#gen/envoy/type/matcher/v3/string_pb.js';

/**
 * `x-name`, or `x-name-*` for all with that prefix. The regular expression is matched in full; because it begins with "^" and literal
 * letters, RE2 rejects most other headers at their first letter, and each header is checked against each expression.
 */
export function spellings(name: string): string {
  const stem = name.endsWith('*') ? name.slice(0, -1) : name;
  return `^${stem.replaceAll('-', separator)}${name.endsWith('*') ? '.*' : ''}`;
}

/** All spellings except the name itself, for names that are needed: its own dashes up to some position, and another character there. */
export function otherSpellings(name: string): string {
  const [first = ''] = name.split('-');
  const alternatives = othersOf(name);
  return alternatives.length === 1 ? `^${first}${alternatives[0]}` : `^${first}(?:${alternatives.join('|')})`;
}

/** The same as several expressions, for names that are too long for one. None for a name of one part. */
export function otherSpellingsApart(name: string): readonly string[] {
  const [first = ''] = name.split('-');
  return othersOf(name).map((rest) => `^${first}${rest}`);
}

function othersOf(name: string): readonly string[] {
  const [, ...parts] = name.split('-');
  return parts.map((_, place) => {
    const before = parts.slice(0, place).map((part) => `-${part}`);
    return `${before.join('')}${notDash}${parts.slice(place).join(separator)}`;
  });
}

/** Every header whose whole name matches. */
export function removeAll(regex: string): HeaderMutation {
  return removal({ matchPattern: { case: 'safeRegex', value: { regex } } });
}

/** Cheaper than an expression, if other spellings have no meaning. */
export function removePrefix(prefix: string): HeaderMutation {
  return removal({ matchPattern: { case: 'prefix', value: prefix }, ignoreCase: true });
}

function removal(keyMatcher: MessageInitShape<typeof StringMatcherSchema>): HeaderMutation {
  return create(HeaderMutationSchema, { action: { case: 'removeOnMatch', value: { keyMatcher } } });
}

/** ASCII only: anything else in a class makes an expression long, and Envoy limits it. */
const separator = '[[:punct:]]';
/** The same without "-". */
const notDash = '[!-,./:-@[-`{-~]';
