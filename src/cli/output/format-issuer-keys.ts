// The table of fetched keys in `cellwall status`.
import type { IssuerKeysAnswer } from '../../admin/wire-issuer-keys.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

export function formatIssuerKeys(issuers: readonly IssuerKeysAnswer[], now: number, width?: number): string {
  const rows = issuers.map(({ issuer, keys, fetchedAt, error }) => [
    issuer,
    keys === 0 ? 'NONE: no token is valid' : String(keys),
    fetchedAt === undefined ? 'not since the start' : relativeTime(fetchedAt, now),
    error === undefined ? '-' : `${error.message} (${relativeTime(error.at, now)})`,
  ]);
  return formatTable(['KEYS OF ISSUER', 'IN FORCE', 'FETCHED', 'NEEDS SOMEBODY'], rows, width);
}
