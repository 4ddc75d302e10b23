// What a proxy's helper reports over mTLS with its SVID: one path for each kind of report, and who receives it.
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import type { Peer } from './identity-of.ts';
import { identityPaths } from './identity-protocol.ts';
import { type ApplicationReceiver, createReceiveApplication } from './receive-application.ts';
import { type CountersReceiver, createReceiveCounters } from './receive-counters.ts';
import { createReceiveEnded, type ReceiveEndedDeps } from './receive-ended.ts';
import { createReceiveHears, type HearsReceiver } from './receive-hears.ts';
import { createReceiveLeave, type LeaveReceiver } from './receive-leave.ts';
import { createReceivePorts, type PortsReceiver } from './receive-ports.ts';

/** If one is absent, such reports are refused. */
export interface Receivers {
  readonly counters?: CountersReceiver;
  readonly leave?: LeaveReceiver;
  /** Registers who is about to start under a name; throws if somebody else has it. */
  readonly hello?: LeaveReceiver;
  readonly application?: ApplicationReceiver;
  readonly ports?: PortsReceiver;
  /** Answers other replicas of this control plane. */
  readonly hears?: HearsReceiver | undefined;
}

export type Take = (request: IncomingMessage, peer: Peer) => Promise<void>;

/** By path; and what must be told about every connection. */
export function createReceivers(
  clock: Clock,
  given: Receivers & ReceiveEndedDeps,
): {
  readonly takers: Readonly<Record<string, Take>>;
  readonly opened: ReturnType<typeof createReceiveCounters>['opened'];
} {
  const counters = createReceiveCounters({ clock, receiver: given.counters });
  return {
    opened: counters.opened,
    takers: {
      [identityPaths.counters]: counters.take,
      [identityPaths.leave]: createReceiveLeave({ clock, receiver: given.leave }),
      [identityPaths.hello]: createReceiveLeave({ clock, receiver: given.hello }),
      [identityPaths.application]: createReceiveApplication(clock, given.application),
      [identityPaths.ports]: createReceivePorts(clock, given.ports),
      [identityPaths.ended]: createReceiveEnded(given),
      [identityPaths.hears]: createReceiveHears(given.hears),
    },
  };
}
