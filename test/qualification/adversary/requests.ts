// Headers, health paths and connections of a caller without rights.
import type { Item } from '../item.ts';

export const requestItems: readonly Item[] = [];
