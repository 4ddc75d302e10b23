// What traces and metrics are told of a change that is in force from now on: whose it is, and how long it took to come here.
import { defined } from '../lib/defined.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { StoreEvent } from '../store/store.ts';
import type { AcceptedChange, ChangeTraces } from '../tracing/change-traces.ts';

export type StateEvent = Extract<StoreEvent, { readonly kind: 'state' }>;

export interface TellArrivedDeps {
  readonly metrics: Pick<Metrics, 'arrived'>;
  readonly traces: Pick<ChangeTraces, 'accepted'> | undefined;
}

/** Without an event it was there at the start: nobody waited for it. */
export function createTellArrived({ metrics, traces }: TellArrivedDeps) {
  return (revision: number, event: StateEvent | undefined): void => {
    if (event === undefined) return;
    const { state, arrival, trace } = event;
    const { lagMs } = arrival ?? {};
    if (arrival !== undefined && lagMs !== undefined) metrics.arrived(arrival.by, lagMs);
    const by: AcceptedChange['by'] = event.direct === true ? 'edit' : arrival?.by;
    traces?.accepted({ revision, ...defined({ mesh: state.mesh, trace, by, lagMs }) });
  };
}
