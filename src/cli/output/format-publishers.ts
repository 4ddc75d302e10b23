// Where the trust bundle is published, as a table. Pure.
import type { PublisherAnswer } from '../../admin/wire-publishers.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

export function formatPublishers(publishers: readonly PublisherAnswer[], now: number, width?: number): string {
  const when = (at: number | undefined): string => (at === undefined ? '-' : relativeTime(at, now));
  const rows = publishers.map(({ name, sequence, publishedAt, confirmed, confirmedAt, error, drifts, driftedAt }) => [
    name,
    sequence === undefined ? '-' : String(sequence),
    when(publishedAt),
    confirmed ? when(confirmedAt) : `no (last ${when(confirmedAt)})`,
    [
      ...(error === undefined ? [] : [error.hint === undefined ? error.message : `${error.message}; ${error.hint}`]),
      ...(drifts === 0 ? [] : [`changed by somebody else ${when(driftedAt)} (${drifts} in all), corrected`]),
    ].join('; ') || '-',
  ]);
  return formatTable(['BUNDLE PUBLISHED TO', 'SEQUENCE', 'PUBLISHED', 'CONFIRMED', 'NEEDS SOMEBODY'], rows, width);
}
