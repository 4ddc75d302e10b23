// The tables of a Redis store, by name: each sealed and kept here as well, but for the marks that everybody reads.
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Seal } from '../../lib/seal.ts';
import type { Table } from '../../lib/table.ts';
import { createMemoryTable } from '../memory-table.ts';
import { checkTableName } from '../refuse.ts';
import type { StateDatabase } from '../sqlite/state-database.ts';
import type { StoredEntry } from '../store.ts';
import { createGuardedTable } from './guarded-table.ts';
import type { KeptTable, Reach } from './kept-table.ts';
import type { RedisLink } from './link.ts';
import { createMarkTable } from './mark-table.ts';
import { changeKeys, createRedisTable, storedTables } from './redis-table.ts';
import { createTableChanges, type TableChanges } from './table-changes.ts';
import { changesScript } from './table-scripts.ts';

export interface RedisTablesDeps {
  readonly link: RedisLink;
  readonly prefix: string;
  /** Where changes are published. */
  readonly channel: string;
  /** Absent: what is kept here ends with the process. */
  readonly database: StateDatabase | undefined;
  readonly seal: Seal;
  readonly reach: Reach;
  readonly onOpen: (name: string, table: KeptTable) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Which CA the store belongs to is for a control plane with another key, too. */
const unsealed: readonly string[] = ['authority'];
/** What is answered to an operator counts on every control plane, or is refused. */
const shared: readonly string[] = ['join-tokens', 'evicted-nodes', 'bans', 'follower-issuers', 'admin-tokens'];
/** Who may do what here is not answered from memory: it may have been revoked. */
const neverStale: readonly string[] = ['admin-tokens'];

export interface RedisTables extends Pick<TableChanges, 'look' | 'restart'> {
  table(name: string): Table;
  /** Of all tables. Throws `unavailable` while Redis is away, and `aborted` if others keep writing. */
  entries(): Promise<readonly StoredEntry[]>;
}

const maxAttempts = 3;

export function createRedisTables(deps: RedisTablesDeps): RedisTables {
  const { link, prefix, channel, database, seal, reach, onOpen, clock, log } = deps;
  const changes = createTableChanges(link, prefix, log);
  const tables = new Map<string, KeptTable>();
  const open = (name: string): KeptTable => {
    const table = createRedisTable({ link, prefix, name, channel });
    const memory = database?.table(`redis-${name}`) ?? createMemoryTable(clock);
    if (unsealed.includes(name)) return createMarkTable({ table, memory, reach });
    return createGuardedTable({
      ...{ name, table, changes, memory, seal, reach, clock, log },
      mustBeShared: shared.includes(name),
      neverStale: neverStale.includes(name),
    });
  };
  const keptTable = (name: string): KeptTable => {
    checkTableName(name);
    const known = tables.get(name);
    if (known !== undefined) return known;
    const table = open(name);
    tables.set(name, table);
    onOpen(name, table);
    return table;
  };
  return {
    table: keptTable,
    async entries() {
      for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
        const names = new Set(await storedTables(link, prefix));
        for (const name of database?.names('redis-') ?? []) names.add(name.slice('redis-'.length));
        const before = await writesSoFar(link, prefix);
        const found: StoredEntry[] = [];
        for (const name of [...names].sort()) {
          for (const entry of await keptTable(name).withEnds()) found.push({ table: name, ...entry });
        }
        if ((await writesSoFar(link, prefix)) === before) return found;
      }
      throw new CellwallError('aborted', 'somebody keeps writing to Redis', {
        hint: 'stop every control plane that uses it: calls go on',
      });
    },
    look: changes.look,
    restart: changes.restart,
  };
}

/** Changes with every write of any table. */
async function writesSoFar(link: RedisLink, prefix: string): Promise<string> {
  const reply = await link.script(changesScript, changeKeys(prefix), ['', '0', '0', '0']);
  return Array.isArray(reply) ? `${reply[0]}/${reply[1]}` : '';
}
