// The record of traffic when callers send odd bytes.
import type { Item } from '../item.ts';

export const recordItems: readonly Item[] = [];
