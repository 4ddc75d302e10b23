// The extension points in their final shape.
import type { Item } from '../item.ts';

export const seamsItems: readonly Item[] = [];
