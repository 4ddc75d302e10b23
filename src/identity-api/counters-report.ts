// What a sidecar's helper reports about its Envoy's counters, and the parsing of such a report, which is hostile.

import { defined } from '../lib/defined.ts';
import { type EnvoyCounters, envoyCounterNames } from '../lib/envoy-counters.ts';
import { CellwallError } from '../lib/errors.ts';
import { isInstance } from '../lib/node-id.ts';
import type { AllOutboundCounts } from '../lib/outbound-counts.ts';
import { recordOf, textOf } from './read-body.ts';
import { readOutboundCounts } from './read-outbound-counts.ts';

export interface CountersReport {
  /** Which of the identity's proxies it is. */
  readonly instance: string;
  /** As in its node's metadata: a copy of its folder has its name and its key, but not this. Absent from an older helper. */
  readonly run?: string;
  /** Changes with every start of Envoy, when its counters start again. */
  readonly epoch: string;
  /** The certificate that Envoy shows its peers, if its helper keeps the key. Its end is in epoch milliseconds. */
  readonly certificate?: { readonly serial: string; readonly notAfter: number };
  /** Envoy is about to exit. */
  readonly last: boolean;
  /** Clock of the host, epoch milliseconds, after both readings. */
  readonly readAt: number;
  /** Two readings, one after the other: Envoy's counters are not all read at the same instant. */
  readonly first: EnvoyCounters;
  readonly second: EnvoyCounters;
  /** TLS connections by key exchange group, in the second. Absent from an older helper. */
  readonly groups?: Readonly<Record<string, number>>;
  /** Calls to dependencies. Absent from an older helper. */
  readonly outbound?: AllOutboundCounts;
}

/** The last millisecond that a Date can name (ECMA-262 §21.4.1.1): who reads a later one fails. */
const lastTime = 8_640_000_000_000_000;
/** There are about ten that anybody uses. */
const maxGroups = 32;

/** Throws `invalid_argument`. */
export function readCountersReport(body: Readonly<Record<string, unknown>>): CountersReport {
  const [instance, epoch] = [textOf(body, 'instance'), textOf(body, 'epoch')];
  const { last, readAt } = body;
  const run = body['run'] === undefined ? undefined : textOf(body, 'run');
  if (!isInstance(instance)) throw wrong('instance');
  if (!/^[a-z0-9]{1,32}$/.test(epoch)) throw wrong('epoch');
  if (run !== undefined && !/^[a-z0-9]{1,64}$/.test(run)) throw wrong('run');
  if (typeof last !== 'boolean') throw wrong('last');
  if (!isCount(readAt)) throw wrong('readAt');
  const certificate = body['certificate'] === undefined ? undefined : certificateOf(body['certificate']);
  const [first, second] = [countersOf(body['first']), countersOf(body['second'])];
  const groups = body['groups'] === undefined ? undefined : groupsOf(recordOf(body['groups']));
  const outbound = body['outbound'] === undefined ? undefined : readOutboundCounts(body['outbound'], wrong);
  return { instance, ...defined({ run, certificate, groups, outbound }), epoch, last, readAt, first, second };
}

function certificateOf(value: unknown): CountersReport['certificate'] {
  const record = recordOf(value);
  const [serial, notAfter] = [textOf(record, 'serial'), record['notAfter']];
  if (!/^[0-9a-f]{1,64}$/.test(serial) || !isCount(notAfter) || notAfter > lastTime) throw wrong('certificate');
  return { serial, notAfter };
}

/** All of them: a missing one would be held against the log. Other names, from another version, are ignored. */
function countersOf(value: unknown): EnvoyCounters {
  const record = recordOf(value);
  const entries = envoyCounterNames.map((name) => {
    const count = record[name];
    if (!isCount(count)) throw wrong(name);
    return [name, count] as const;
  });
  // One for each name.
  return Object.fromEntries(entries) as EnvoyCounters;
}

function groupsOf(record: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  const entries = Object.entries(record);
  if (entries.length > maxGroups) throw wrong('groups');
  return Object.fromEntries(
    entries.map(([name, count]) => {
      if (!/^[A-Za-z0-9_-]{1,40}$/.test(name) || !isCount(count)) throw wrong('groups');
      return [name, count];
    }),
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function wrong(name: string): CellwallError {
  return new CellwallError('invalid_argument', `"${name}" is not what a report of counters has there`);
}
