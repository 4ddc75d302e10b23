// A query that frameworks use in place of the method: `?_method=DELETE` (Symfony, Laravel, Spring, WordPress, Express),
// `?X-HTTP-Method-Override=DELETE` (ASP.NET). Names are compared as those servers do: decoded, case-insensitive, and in PHP with other
// characters for "_".
import type { PortIr } from '../ir.ts';

const names = ['_method', 'x-http-method-override'];
const signs: Readonly<Record<string, readonly string[]>> = { _: ['_', '.', '+', ' ', '['] };

/** For a query including its "?", in full: RE2 and JavaScript read it in the same way, case-insensitively. */
export const methodInQueryPattern = `\\?(.*[&;])?(\\+|%20)*(${names.map(readings).join('|')})(=|&|;|\\[|%5b|%00|%3d).*`;
const methodInQuery = new RegExp(`^${methodInQueryPattern}$`, 'is');

/** `query` is without the "?"; undefined means that there is none. */
export function hasMethodInQuery(query: string | undefined): boolean {
  return query !== undefined && methodInQuery.test(`?${query}`);
}

/** Each character of a name as it is, and escaped, in either case. */
function readings(name: string): string {
  return [...name].map((char) => `(${(signs[char] ?? [char]).flatMap(spellings).join('|')})`).join('');
}

function spellings(char: string): readonly string[] {
  const cases = new Set([char, char.toUpperCase()]);
  const escapes = [...cases].map((one) => `%${one.charCodeAt(0).toString(16)}`);
  if (char === ' ') return escapes;
  return [/[a-z_-]/.test(char) ? char : `\\${char}`, ...escapes];
}

/** Where it matters: enforced rules name methods. A gRPC server distinguishes methods only by the path. */
export function namesMethods({ protocol, authorization: { deny, allow } }: PortIr): boolean {
  const operations = [...deny, ...allow].flatMap((rule) => rule.operations);
  return protocol !== 'grpc' && operations.some(({ methods }) => methods !== undefined);
}
