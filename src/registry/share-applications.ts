// Whether applications answer, for replicas: the one to which a helper reports decides, and tells the others, so that all give callers the
// same endpoints.
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import type { ApplicationState } from './application-health.ts';

/** Of one run of a proxy, by the port of its service. */
export interface SharedState {
  readonly node: string;
  readonly run: string;
  readonly port: string;
  readonly state: ApplicationState;
}

export interface SharedApplications {
  tell(told: SharedState): void;
  /** What other replicas told, from the next moment on: also what they told before. */
  listen(listener: (told: SharedState) => void): void;
  stop(): void;
}

/** Longer than any report is repeated; a proxy's next run has states of its own. */
const keepMs = 7 * 86_400_000;

export function shareApplications({ table, log }: { readonly table: Table; readonly log: Log }): SharedApplications {
  let unwatch = (): void => {};
  return {
    tell({ node, run, port, state }) {
      // Neither has a space.
      table
        .set(`${node} ${port}`, { run, ...stateJson(state) }, { ttlMs: keepMs })
        .catch((reason: unknown) =>
          log.error({ node, reason: String(reason) }, 'an application’s state is not shared'),
        );
    },
    listen(listener) {
      unwatch();
      unwatch = table.watch(({ key, value }) => {
        const [node, port] = key.split(' ');
        const told = readState(value);
        if (node !== undefined && port !== undefined && told !== undefined) listener({ node, port, ...told });
      });
    },
    stop: () => unwatch(),
  };
}

function readState(value: Json | undefined): Pick<SharedState, 'run' | 'state'> | undefined {
  if (typeof value !== 'object' || value === null || !('run' in value)) return undefined;
  const { run, answers, why, on, around } = value;
  if (typeof run !== 'string' || typeof answers !== 'boolean' || !Array.isArray(around)) return undefined;
  return {
    run,
    state: {
      ...{ answers, around: textsIn(around) },
      ...(typeof why === 'string' ? { why } : {}),
      ...(Array.isArray(on) ? { on: textsIn(on) } : {}),
    },
  };
}

function stateJson({ answers, why, on, around }: ApplicationState): { readonly [name: string]: Json } {
  return {
    answers,
    around: [...around],
    ...(why === undefined ? {} : { why }),
    ...(on === undefined ? {} : { on: [...on] }),
  };
}

function textsIn(list: readonly unknown[]): readonly string[] {
  return list.filter((one): one is string => typeof one === 'string');
}
