// What a host's helper says that its program has, in the query of the request that it holds open (identity-api/bundle-waiters.ts):
// roots, and the root over its certificate. Where a command tells the program of new files, that is what was there when the last one
// that ended well began, not what the helper was given since.
import { defined } from '../../lib/defined.ts';
import { maxRoots } from '../trust-bundle.ts';

export interface SaidInUse {
  /** By name (roots-record.ts). */
  readonly roots: readonly string[];
  /** Over the certificate. Absent: not said. */
  readonly under?: string;
  /** How the last command ended that did not end well: then the program may have what was there before. */
  readonly failed?: string;
}

/** As it is written into the query. */
export function inUseQuery({ roots, under, failed }: SaidInUse): string {
  const more = Object.entries(defined({ under, failed })).map(([name, text]) => `&${name}=${encodeURIComponent(text)}`);
  return `roots=${roots.join(',')}${more.join('')}`;
}

/** What is not as it should be counts as not said; a failure that cannot be read stays one. */
export function readInUse(query: URLSearchParams): SaidInUse {
  const under = query.get('under') ?? '';
  const failed = query.get('failed') ?? undefined;
  return {
    roots: (query.get('roots') ?? '').split(',', maxRoots).filter(isName),
    ...(isName(under) && { under }),
    ...(failed !== undefined && { failed: /^[\w -]{1,40}$/.test(failed) ? failed : 'in a way that it does not say' }),
  };
}

function isName(text: string): boolean {
  return /^[A-Za-z0-9_-]{12}$/.test(text);
}
