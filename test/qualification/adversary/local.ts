// Another user of the same machine: the admin port, the sidecar's files and listeners.
import type { Item } from '../item.ts';

export const localItems: readonly Item[] = [];
