// The bundles of foreign trust domains, for `status`.
import type { ForeignBundleAnswer } from '../../admin/wire-foreign-bundles.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

export function formatForeignBundles(bundles: readonly ForeignBundleAnswer[], now: number, width?: number): string {
  const rows = bundles.map(({ trustDomain, url, roots, sequence, fetchedAt, error, sharesRootWith: others = [] }) => [
    trustDomain,
    roots === 0 ? 'NONE: nobody is accepted' : String(roots),
    sequence === undefined ? '-' : String(sequence),
    url === undefined ? 'its document' : fetchedAt === undefined ? 'never fetched' : relativeTime(fetchedAt, now),
    [
      ...(error === undefined ? [] : [`${error.message} (${relativeTime(error.at, now)})`]),
      ...(others.length === 0 ? [] : [`has a root key in common with ${others.join(', ')}`]),
    ].join('; ') || '-',
  ]);
  return formatTable(['FOREIGN TRUST DOMAIN', 'ROOTS', 'SEQUENCE', 'FROM', 'NEEDS SOMEBODY'], rows, width);
}
