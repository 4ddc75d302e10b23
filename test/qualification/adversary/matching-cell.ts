// The matching-cell rule against interleaved streams, and paths that two servers read differently.
import type { Item } from '../item.ts';

export const matchingCellItems: readonly Item[] = [];
