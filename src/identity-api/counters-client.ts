// Reports Envoy's counters to the identity API. They are read once the connection stands, so that the control plane knows a moment
// that was before: what the log had told by then, the counters must have.
import type { CountersReport } from './counters-report.ts';
import { type Delivery, deliver } from './deliver.ts';
import { identityPaths } from './identity-protocol.ts';

export interface CountersDelivery extends Omit<Delivery, 'path' | 'body'> {
  /** Called when the connection stands. */
  readonly read: () => Promise<CountersReport>;
}

/** Throws where nobody took it: the server is away, is not the right one, is older, or does not know the proxy yet. */
export function deliverCounters({ read, ...delivery }: CountersDelivery): Promise<void> {
  return deliver({ ...delivery, path: identityPaths.counters, body: read });
}
