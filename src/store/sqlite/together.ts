// What is asked of a database in one turn of the event loop is done in one transaction at the end of it: a transaction costs several times
// what one more row in it costs. Nothing is held open between turns, so that no other connection has to wait.
import type { DatabaseSync } from 'node:sqlite';
import { CellwallError } from '../../lib/errors.ts';

export interface Together {
  /** Runs `work` with the others of this turn, in the order of the calls. */
  read<T>(work: () => T): Promise<T>;
  /**
   * The same for what writes: all of it or nothing. It may run twice: only what it did last counts. If it throws a CellwallError, it has
   * written nothing. `done` is called in the order of the calls, once it is in the database.
   */
  write<T>(work: () => T, done?: (result: T) => void): Promise<T>;
  /** Does now what waits. */
  flush(): void;
}

interface Task {
  readonly writes: boolean;
  attempt(): void;
  settle(): void;
  fail(reason: unknown): void;
}

type Outcome<T> = { readonly value: T } | { readonly refused: CellwallError };

/** Each task has its own outcome: if they cannot be done together, each is done by itself. */
export function createTogether(database: DatabaseSync): Together {
  let waiting: Task[] = [];
  let planned: NodeJS.Immediate | undefined;

  /** Throws if they are not in the database; then nothing of them is. */
  const inOneTransaction = (tasks: readonly Task[]): void => {
    database.exec(tasks.some(({ writes }) => writes) ? 'BEGIN IMMEDIATE' : 'BEGIN');
    try {
      for (const task of tasks) task.attempt();
      database.exec('COMMIT');
    } catch (reason) {
      // SQLite itself may have rolled back, for instance when the disk is full.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw reason;
    }
  };
  const alone = (task: Task): void => {
    try {
      if (task.writes) inOneTransaction([task]);
      else task.attempt();
    } catch (reason) {
      task.fail(reason);
      return;
    }
    task.settle();
  };
  const flush = (): void => {
    clearImmediate(planned);
    planned = undefined;
    const tasks = waiting;
    waiting = [];
    try {
      if (tasks.length > 1) inOneTransaction(tasks);
    } catch {
      for (const task of tasks) alone(task);
      return;
    }
    for (const task of tasks) {
      if (tasks.length > 1) task.settle();
      else alone(task);
    }
  };
  const add = <T>(writes: boolean, work: () => T, done?: (result: T) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      let outcome: Outcome<T> | undefined;
      waiting.push({
        writes,
        attempt() {
          try {
            outcome = { value: work() };
          } catch (reason) {
            if (!(reason instanceof CellwallError)) throw reason;
            outcome = { refused: reason };
          }
        },
        settle() {
          if (outcome === undefined) return;
          if ('refused' in outcome) return reject(outcome.refused);
          done?.(outcome.value);
          resolve(outcome.value);
        },
        fail: reject,
      });
      planned ??= setImmediate(flush);
    });
  return {
    flush,
    read: (work) => add(false, work),
    write: (work, done) => add(true, work, done),
  };
}
