// HTTP as real clients and applications speak it.
import type { Item } from '../item.ts';

export const trafficItems: readonly Item[] = [];
