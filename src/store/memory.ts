// A store in memory: for tests, and for trying things out. Nothing survives the process.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import { createMemoryTable } from './memory-table.ts';
import { planChanges } from './plan-changes.ts';
import { checkTableName, refuseConflict } from './refuse.ts';
import type { StateCheck, Store, StoreState } from './store.ts';
import { createWatchers } from './watchers.ts';
import { withHistory } from './with-history.ts';

export interface MemoryStoreOptions {
  readonly check: StateCheck;
  readonly log: Log;
  readonly clock: Clock;
}

export function createMemoryStore({ check, log, clock }: MemoryStoreOptions): Store {
  const watchers = createWatchers(log);
  const tables = new Map<string, Table>();
  let state: StoreState = { revision: 0, documents: [] };
  const store: Omit<Store, 'history'> = {
    state: () => state,
    problems: () => [],
    async apply(changes, options) {
      refuseConflict(state.revision, options);
      const plan = planChanges(state.documents, changes, check);
      if (plan.kind === 'invalid') return plan;
      if (plan.kind === 'unchanged') return { kind: 'unchanged', revision: state.revision };
      state = { revision: state.revision + 1, documents: plan.documents };
      const changed = plan.edits.map(({ key }) => key);
      watchers.emit({ kind: 'state', state, urgent: options.urgent ?? false });
      return { kind: 'applied', revision: state.revision, changed };
    },
    watch: watchers.watch,
    table(name) {
      checkTableName(name);
      const table = tables.get(name) ?? createMemoryTable(clock);
      tables.set(name, table);
      return table;
    },
    async close() {
      watchers.clear();
    },
  };
  return withHistory(store, { clock, log });
}
