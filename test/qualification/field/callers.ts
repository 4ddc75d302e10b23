// Who calls, and how: old clients, certificates, names and addresses, Gitaly's sidechannel.
import type { Item } from '../item.ts';

export const callersItems: readonly Item[] = [];
