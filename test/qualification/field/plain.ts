// Said plainly: what works, what does not, and what a document will do.
import type { Item } from '../item.ts';

export const plainItems: readonly Item[] = [];
