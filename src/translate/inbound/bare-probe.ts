// What a probe without a certificate may send to a strict service's health path: its first line, and a few headers. Everything else is
// removed before anything looks at it: frameworks obey more headers than any list of dangerous ones contains.
import { create } from '@bufbuild/protobuf';
import {
  type HeaderMutation,
  HeaderMutationSchema,
} from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import { methodOverrides, pathOverrides } from '../override-headers.ts';

/** The most that the application gets of a probe's own headers. */
const passed = [':authority', ':method', ':path', ':scheme', 'accept', 'user-agent'];

/** These stay for the routes to see, and to refuse: whoever sends one wants more than a probe (health-routes.ts). */
export const moreThanProbe = ['expect', 'upgrade', ...methodOverrides, ...pathOverrides];

/** `connection` is handled by Envoy itself, hop by hop; `content-length` may be "0". */
const seen = [...passed, ...moreThanProbe, 'connection', 'content-length', 'host', 'transfer-encoding'];

export function onlyProbeHeaders(): HeaderMutation {
  return create(HeaderMutationSchema, {
    action: {
      case: 'removeOnMatch',
      value: {
        keyMatcher: {
          matchPattern: {
            case: 'safeRegex',
            value: {
              regex: noneOf(seen),
              // Envoy refuses programs over 100 by default.
              engineType: { case: 'googleRe2', value: { maxProgramSize: 10_000 } },
            },
          },
        },
      },
    },
  });
}

/** RE2 has no negative lookahead: a regular expression that matches every header's name except these, letter by letter. */
export function noneOf(names: readonly string[]): string {
  const next = new Map<string, string[]>();
  for (const name of names) {
    const first = name.charAt(0);
    if (first !== '') next.set(first, [...(next.get(first) ?? []), name.slice(1)]);
  }
  const other = `[${rangesBut([...next.keys()])}]${anything}`;
  const longer = [...next].map(([first, rests]) => `${literal(first)}${noneOf(rests)}`);
  // At a position where no name ends, a header that ends there is none of them.
  const ends = names.includes('') ? [] : [''];
  return `(?:${[...ends, other, ...longer].join('|')})`;
}

/** A header's name is visible ASCII: Envoy's codecs refuse others. */
const [lowest, highest] = [0x21, 0x7e];
const anything = '[\\x21-\\x7e]*';

function rangesBut(letters: readonly string[]): string {
  const holes = letters.map((letter) => letter.charCodeAt(0)).sort((a, b) => a - b);
  const starts = [lowest, ...holes.map((hole) => hole + 1)];
  const ends = [...holes.map((hole) => hole - 1), highest];
  return starts
    .map((start, index): readonly [number, number] => [start, ends[index] ?? highest])
    .filter(([start, end]) => start <= end)
    .map(([start, end]) => `${escaped(start)}-${escaped(end)}`)
    .join('');
}

function escaped(code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`;
}

function literal(letter: string): string {
  return /[a-z]/.test(letter) ? letter : escaped(letter.charCodeAt(0));
}
