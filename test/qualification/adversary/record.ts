// What proxies report is hostile: the record, the audit log, break-glass uses.
import type { Item } from '../item.ts';

export const adversaryRecordItems: readonly Item[] = [];
