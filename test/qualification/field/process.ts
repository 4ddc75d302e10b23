// The processes: how they stop, what they write to, where they keep things, what they say when they cannot start.
import type { Item } from '../item.ts';

export const processItems: readonly Item[] = [];
