// Whoever can write to Redis, or to the folder.
import type { Item } from '../item.ts';

export const storeItems: readonly Item[] = [];
