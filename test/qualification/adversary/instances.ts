// Replicas of one service, stolen keys, and who may be thrown out.
import type { Item } from '../item.ts';

export const instanceItems: readonly Item[] = [];
