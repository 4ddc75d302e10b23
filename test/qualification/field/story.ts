// The demo and GitLab's own client, in the field.
import type { Item } from '../item.ts';

export const storyItems: readonly Item[] = [];
