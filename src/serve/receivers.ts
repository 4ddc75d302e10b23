// What sidecars' helpers report of their proxies, and to where it goes.
import type { ApplicationReceiver } from '../identity-api/receive-application.ts';
import type { CountersReceiver } from '../identity-api/receive-counters.ts';
import type { LeaveReceiver } from '../identity-api/receive-leave.ts';
import type { PortsReceiver } from '../identity-api/receive-ports.ts';
import { defined } from '../lib/defined.ts';
import type { CrossCheck } from '../observe/cross-check.ts';
import type { ClockOffsets } from '../registry/clock-offsets.ts';
import type { RegistryWithApplications } from '../registry/with-application.ts';

export interface Receivers {
  /** Takes reports of Envoy's counters. */
  readonly counters: CountersReceiver;
  /** Takes goodbyes of proxies. */
  readonly leave: LeaveReceiver;
  /** Takes proxies that are about to start. */
  readonly hello: LeaveReceiver;
  /** Takes what is said of applications. */
  readonly application: ApplicationReceiver;
  /** Takes what is said of ports on which a proxy cannot listen. */
  readonly ports: PortsReceiver;
}

export interface ReceiversDeps {
  readonly registry: RegistryWithApplications & { readonly takenPorts: PortsReceiver };
  readonly crossCheck: Pick<CrossCheck, 'report'>;
  readonly offsets: Pick<ClockOffsets, 'told'>;
}

/** All throw if the name belongs to another host. */
export function receivers({ registry, crossCheck, offsets }: ReceiversDeps): Receivers {
  return {
    counters({ node, nodeKey, address: peer }, report, begunAt) {
      registry.checkHolder(node, nodeKey);
      const { run } = report;
      if (run !== undefined) registry.checkFree({ node, run, peer, ...defined({ holder: nodeKey }) });
      crossCheck.report(node, report, begunAt);
      offsets.told(node, report.readAt);
    },
    leave: registry.left,
    hello(node, run, nodeKey, peer) {
      registry.checkFree({ node, run, peer, ...defined({ holder: nodeKey }) });
    },
    application: registry.application,
    ports: registry.takenPorts,
  };
}
