// What `cellwall status` says of the control plane, and of what it keeps or publishes for others. Pure.
import type { StatusAnswer } from '../../admin/wire.ts';
import type { IssuerKeysAnswer } from '../../admin/wire-issuer-keys.ts';
import type { PublisherAnswer } from '../../admin/wire-publishers.ts';
import { formatControl } from './format-control.ts';
import { formatForeignBundles } from './format-foreign-bundles.ts';
import { formatRotation } from './format-rotation.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

export function formatControlPlane(status: StatusAnswer, now: number, width: number | undefined): readonly string[] {
  const { rotation, publishers = [], issuerKeys = [], foreignBundles = [] } = status;
  return [
    formatControl(status, now, width),
    ...(rotation === undefined ? [] : [formatRotation(rotation, now, width)]),
    ...(issuerKeys.length === 0 ? [] : [formatIssuerKeys(issuerKeys, now, width)]),
    ...(foreignBundles.length === 0 ? [] : [formatForeignBundles(foreignBundles, now, width)]),
    ...(publishers.length === 0 ? [] : [formatPublishers(publishers, now, width)]),
  ];
}

function formatIssuerKeys(issuers: readonly IssuerKeysAnswer[], now: number, width?: number): string {
  const rows = issuers.map(({ issuer, keys, fetchedAt, error }) => [
    issuer,
    keys === 0 ? 'NONE: no token is valid' : String(keys),
    fetchedAt === undefined ? 'not since the start' : relativeTime(fetchedAt, now),
    error === undefined ? '-' : `${error.message} (${relativeTime(error.at, now)})`,
  ]);
  return formatTable(['KEYS OF ISSUER', 'IN FORCE', 'FETCHED', 'NEEDS SOMEBODY'], rows, width);
}

function formatPublishers(publishers: readonly PublisherAnswer[], now: number, width?: number): string {
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
