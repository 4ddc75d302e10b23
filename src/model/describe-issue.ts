// What a schema expected and what was written, as text. Schemas with their own message (`error: …`) do not get here.
import type { z } from 'zod';
import { didYouMean } from './did-you-mean.ts';

export interface Description {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** The text for an issue with a value that is present. */
export function describeIssue(issue: z.core.$ZodIssue, value: unknown): Description {
  switch (issue.code) {
    case 'invalid_type':
      return {
        code: 'wrong-type',
        message: `expected ${typeName(issue.expected)}, found ${found(value)}`,
        ...(issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')
          ? { hint: 'put it in quotes' }
          : {}),
      };
    case 'invalid_value': {
      const known = issue.values.map(String);
      const meant = typeof value === 'string' ? didYouMean(value, known) : undefined;
      const message = `expected ${known.length === 1 ? '' : 'one of '}${known.map(quoteWord).join(', ')}, found ${found(value)}`;
      return {
        code: 'wrong-value',
        message,
        ...(meant === undefined ? {} : { hint: `did you mean ${quote(meant)}?` }),
      };
    }
    case 'too_small':
      return { code: 'too-small', message: limit(issue.origin, 'at least', issue.minimum, value) };
    case 'too_big':
      return { code: 'too-big', message: limit(issue.origin, 'at most', issue.maximum, value) };
    case 'invalid_format':
      return { code: 'wrong-format', message: `not of the expected form (${issue.format}): ${found(value)}` };
    default:
      return { code: 'invalid', message: `not valid: ${found(value)}` };
  }
}

/** What is written, shortened; texts are quoted. */
export function found(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? quote(value.length > maxFound ? `${value.slice(0, 12)}…` : value) : String(value);
}

/** Anything longer is not a word or a name: it may be a token or a key in the wrong place, and this text goes to logs. */
const maxFound = 32;

/** As a JSON string; at most 64 characters of the text. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

function quoteWord(word: string): string {
  return /^(true|false|\d+)$/.test(word) ? word : quote(word);
}

function typeName(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    int: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
  };
  return names[expected] ?? expected;
}

function limit(origin: string, which: string, bound: number | bigint, value: unknown): string {
  if (origin === 'string') return `expected ${which} ${bound} characters`;
  if (origin === 'array') return `expected ${which} ${bound} ${Number(bound) === 1 ? 'entry' : 'entries'}`;
  return `expected ${which} ${bound}, found ${found(value)}`;
}
