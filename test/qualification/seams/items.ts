// The extension points in their final shape.
import type { Item } from '../item.ts';
import { authorityItems } from './authorities.ts';
import { documentKindItem } from './document-kinds.ts';
import { evidenceItems } from './evidence.ts';
import { filterItem } from './filters.ts';
import { portsItems } from './ports.ts';
import { provenanceItems } from './provenance.ts';
import { publisherItems } from './publishers.ts';
import { resolveOnceItem } from './resolve-once.ts';
import { rolesItem } from './roles.ts';
import { storeItem } from './stores.ts';

export const seamsItems: readonly Item[] = [
  rolesItem,
  ...provenanceItems,
  ...evidenceItems,
  filterItem,
  resolveOnceItem,
  ...publisherItems,
  ...authorityItems,
  documentKindItem,
  storeItem,
  ...portsItems,
];
