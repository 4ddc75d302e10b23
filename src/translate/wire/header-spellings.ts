// The spellings of a header's name that an application may take for it: CGI, WSGI and Rack turn "-" and "_" into one, older servers
// any other sign. Envoy's own names of headers are lower case.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type HeaderMutation,
  HeaderMutationSchema,
} from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import type { StringMatcherSchema } from '#gen/envoy/type/matcher/v3/string_pb.js';

/** `x-name`, or `x-name-*` for all that begin so. The regular expression is matched whole. */
export function spellings(name: string): string {
  const stem = name.endsWith('*') ? name.slice(0, -1) : name;
  return stem.replaceAll('-', separator) + (name.endsWith('*') ? '.*' : '');
}

/** All spellings but the name itself, for names that are needed: up to some place its own dashes, there something else. */
export function otherSpellings(name: string): string {
  const parts = name.split('-');
  const alternatives = parts.slice(1).map((_, place) => {
    const before = parts.slice(0, place + 1).join('-');
    return `${before}${notDash}${parts.slice(place + 1).join(separator)}`;
  });
  return alternatives.join('|');
}

export function removeAll(regex: string): HeaderMutation {
  return removal({ matchPattern: { case: 'safeRegex', value: { regex } } });
}

/** Cheaper than an expression, where other spellings mean nothing. */
export function removePrefix(prefix: string): HeaderMutation {
  return removal({ matchPattern: { case: 'prefix', value: prefix }, ignoreCase: true });
}

function removal(keyMatcher: MessageInitShape<typeof StringMatcherSchema>): HeaderMutation {
  return create(HeaderMutationSchema, { action: { case: 'removeOnMatch', value: { keyMatcher } } });
}

/** ASCII only: what else a class could hold makes an expression long, and Envoy bounds it. */
const separator = '[[:punct:]]';
/** The same without "-". */
const notDash = '[!-,./:-@[-`{-~]';
