// Reports Envoy's counters to the identity API. They are read once the connection is open, so that the control plane knows an earlier
// moment: what the log had reported by then must be in the counters.
import type { CountersReport } from './counters-report.ts';
import { type Delivery, deliver } from './deliver.ts';
import { identityPaths } from './identity-protocol.ts';

export interface CountersDelivery extends Omit<Delivery, 'path' | 'body'> {
  /** Called when the connection is open. */
  readonly read: () => Promise<CountersReport>;
}

/** Throws if nobody accepted it: the server is down, is not the right one, is older, or does not know the proxy yet. */
export function deliverCounters({ read, ...delivery }: CountersDelivery): Promise<void> {
  return deliver({ ...delivery, path: identityPaths.counters, body: read });
}
