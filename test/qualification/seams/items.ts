// The extension points in their final shape.
import type { Item } from '../item.ts';
import { provenanceItems } from './provenance.ts';
import { rolesItem } from './roles.ts';

export const seamsItems: readonly Item[] = [rolesItem, ...provenanceItems];
export const seamsItems: readonly Item[] = [rolesItem];
import { evidenceItems } from './evidence.ts';

export const seamsItems: readonly Item[] = [...evidenceItems];
import { evidenceItems } from './evidence.ts';
import { rolesItem } from './roles.ts';

export const seamsItems: readonly Item[] = [rolesItem, ...evidenceItems];
