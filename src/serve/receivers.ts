// What sidecars' helpers report of their proxies, and to where it goes.
import { readCountersReport } from '../identity-api/counters-report.ts';
import type { ApplicationReceiver } from '../identity-api/receive-application.ts';
import type { CountersReceiver } from '../identity-api/receive-counters.ts';
import type { HearsReceiver } from '../identity-api/receive-hears.ts';
import type { LeaveReceiver } from '../identity-api/receive-leave.ts';
import type { PortsReceiver } from '../identity-api/receive-ports.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Json } from '../lib/table.ts';
import type { CrossCheck } from '../observe/cross-check.ts';
import type { AskReplicas } from '../registry/ask-replicas.ts';
import type { ClockOffsets } from '../registry/clock-offsets.ts';
import type { ShownCertificates } from '../registry/shown-certificates.ts';
import type { RegistryWithApplications } from '../registry/with-application.ts';
import type { OpenIsolation } from './open-isolation.ts';

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
  /** Answers other replicas. */
  readonly hears: HearsReceiver | undefined;
}

export interface ReceiversDeps {
  readonly registry: RegistryWithApplications & { readonly takenPorts: PortsReceiver };
  readonly crossCheck: Pick<CrossCheck, 'report'>;
  readonly offsets: Pick<ClockOffsets, 'told'>;
  readonly shown: Pick<ShownCertificates, 'told'>;
  /** Other replicas: what reaches this one is passed on to the one that has the proxy's stream, and its log. */
  readonly others: AskReplicas | undefined;
  readonly isolation: Pick<OpenIsolation, 'check' | 'hears'>;
  readonly monotonic: () => number;
}

/** All throw if the name belongs to another host. */
export function receivers(deps: ReceiversDeps): Receivers {
  const { registry, crossCheck, offsets, shown, others, isolation, monotonic } = deps;
  others?.answer('counters', (told) => {
    takePassedOn(told, { registry, crossCheck, shown, now: monotonic() });
    return [];
  });
  return {
    counters({ node, nodeKey, address: peer }, report, begunAt) {
      registry.checkHolder(node, nodeKey);
      const { run } = report;
      if (run !== undefined) registry.checkFree({ node, run, peer, ...defined({ holder: nodeKey }) });
      if (others === undefined || registry.get(node)?.replica === undefined) crossCheck.report(node, report, begunAt);
      else
        void others.ask('counters', { node, agoMs: monotonic() - begunAt, report: JSON.parse(JSON.stringify(report)) });
      offsets.told(node, report.readAt);
      if (report.certificate !== undefined) shown.told(node, report.certificate);
    },
    leave: registry.left,
    hello(node, run, nodeKey, peer) {
      // A proxy that starts begins at another one.
      isolation.check();
      registry.checkFree({ node, run, peer, ...defined({ holder: nodeKey }) });
    },
    application: registry.application,
    ports: registry.takenPorts,
    hears: isolation.hears,
  };
}

/** What reached another replica, if the proxy's log comes here. What is wrong with it nobody is told: its helper reports again. */
function takePassedOn(
  told: Json,
  parts: Pick<ReceiversDeps, 'registry' | 'crossCheck' | 'shown'> & { readonly now: number },
): void {
  const { registry, crossCheck, shown, now } = parts;
  const { node, agoMs, report }: { readonly [name: string]: unknown } = { ...Object(told) };
  if (typeof node !== 'string' || typeof agoMs !== 'number' || registry.get(node)?.replica !== undefined) return;
  try {
    const read = readCountersReport({ ...Object(report) });
    if (read.certificate !== undefined) shown.told(node, read.certificate);
    crossCheck.report(node, read, now - agoMs);
  } catch (reason) {
    if (CellwallError.from(reason).code === 'internal') throw reason;
  }
}
