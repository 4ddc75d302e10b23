// Streams, names and silent connections: budgets of the ports.
import type { Item } from '../item.ts';

export const budgetItems: readonly Item[] = [];
