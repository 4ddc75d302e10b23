// The table of docs/admin-api.md: which route is open to whom.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '../../src/admin/caller.ts';
import { projectRoot } from './source-files.ts';

/** Of the table. What a scraper may do is what this host may do without a role. */
const columns = ['none', 'viewer', 'editor', 'admin'] as const;
type Column = (typeof columns)[number];

export interface AccessRow {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly allowed: Readonly<Record<Column | Role, boolean>>;
}

const page = readFileSync(join(projectRoot, 'docs/admin-api.md'), 'utf8');
export const accessTable: readonly AccessRow[] = [...page.matchAll(/^\| `(GET|POST) (\S+)` \| (.+) \|$/gm)].map(
  ([, method, url = '', cells = '']): AccessRow => {
    const words = cells.split(' | ');
    // Tests are on this host.
    const says = (column: Column): boolean => ['yes', 'this host'].includes(words[columns.indexOf(column)] ?? '');
    // Any role may read what this host may read without one.
    const scraper = says('none');
    const allowed = {
      none: says('none'),
      scraper,
      viewer: says('viewer'),
      editor: says('editor'),
      admin: says('admin'),
    };
    return { name: `${method} ${url}`, method: method === 'GET' ? 'GET' : 'POST', url, allowed };
  },
);
