// Files that somebody writes while they are read.
import type { Item } from '../item.ts';

export const filesItems: readonly Item[] = [];
