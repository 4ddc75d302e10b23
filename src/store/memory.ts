// A store in memory: for tests and experiments. Nothing survives the process.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import type { StateCheck } from './judges.ts';
import { createMemoryTable } from './memory-table.ts';
import { wantedRevision } from './next-revision.ts';
import { createPlanner, planDocuments } from './planner.ts';
import { checkTableName, refuseConflict } from './refuse.ts';
import { nothingStored, type Store } from './store.ts';
import { createWatchers } from './watchers.ts';
import { withHistory } from './with-history.ts';

export interface MemoryStoreOptions {
  readonly check: StateCheck;
  readonly log: Log;
  readonly clock: Clock;
}

/** It has no documents at first. */
export function createMemoryStore({ check, log, clock }: MemoryStoreOptions): Store {
  const watchers = createWatchers(log);
  const tables = new Map<string, Table>();
  const planner = createPlanner((base, changes) => planDocuments(base, changes, check));
  let state = nothingStored;
  const store: Omit<Store, 'history'> = {
    state: () => state,
    problems: () => [],
    plan: (changes) => planner.plan(state, changes),
    async apply(changes, options) {
      refuseConflict(state.revision, options);
      const plan = planner.plan(state, changes);
      const { problems } = plan;
      if (plan.kind === 'invalid') return { kind: 'invalid', problems };
      const wanted = wantedRevision(state, options);
      if (plan.kind === 'unchanged' && wanted === undefined) {
        return { kind: 'unchanged', revision: state.revision, warnings: problems };
      }
      const { after, changed } = plan.kind === 'next' ? plan : { after: state, changed: [] };
      state = { ...after, revision: wanted ?? state.revision + 1 };
      watchers.emit({ kind: 'state', state, urgent: options.urgent ?? false, ...defined({ trace: options.trace }) });
      return { kind: 'applied', revision: state.revision, changed, warnings: problems };
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
