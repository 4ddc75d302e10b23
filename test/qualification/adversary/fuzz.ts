// Random input for every parser, and a canary that must appear nowhere.
import type { Item } from '../item.ts';

export const fuzzItems: readonly Item[] = [];
