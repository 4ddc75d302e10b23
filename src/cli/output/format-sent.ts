// The table of `cellwall get envoy`. Pure.
import type { SentAnswer } from '../../admin/wire-envoy.ts';
import { formatPlaces } from './format-places.ts';
import { formatTable } from './table.ts';

export function formatSent({ resources }: SentAnswer): string {
  return formatTable(
    ['TYPE', 'NAME', 'VERSION', 'MADE BY'],
    resources.map(({ typeUrl, name, version, madeBy }) => [
      typeUrl.slice(typeUrl.lastIndexOf('.') + 1),
      name,
      version,
      formatPlaces(madeBy),
    ]),
  );
}
