// What was away comes back: outages, ports, names that collide, clocks, and the gate that waits for them.
import type { Item } from '../item.ts';

export const returnItems: readonly Item[] = [];
