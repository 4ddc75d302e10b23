// Replays a change against recorded calls: who would newly be denied, who newly allowed, and what the record cannot tell. Pure.

import { defined } from '../../lib/defined.ts';
import { defaultPort } from '../../lib/port-name.ts';
import type { RuleIr } from '../authorization-ir.ts';
import type { MeshIr, PortIr, PortKey, ServiceKey } from '../ir.ts';
import { portKey, portOf } from '../ports.ts';
import { createDecideRecorded, type DecideRecorded, type RecordedDecision } from './decide-recorded.ts';
import type { CallerClass, RecordedCall } from './recorded-call.ts';
import { describeRecordedPath } from './recorded-path.ts';

/** One kind of recorded call that the change affects. `lastSeen` is in epoch milliseconds. */
export interface SimulatedCall {
  readonly service: string;
  readonly port?: string;
  readonly caller: CallerClass;
  readonly principal?: string;
  readonly peer?: string;
  readonly method?: string;
  /** As far as it is known. */
  readonly path?: string;
  /** The stage or the rule that would decide. */
  readonly by?: string;
  readonly count: number;
  readonly lastSeen: number;
}

/** Kinds of calls, grouped by what the change does to them. */
export interface Simulation {
  readonly newlyDenied: readonly SimulatedCall[];
  readonly newlyAllowed: readonly SimulatedCall[];
  readonly cannotTell: readonly SimulatedCall[];
  /** Of those, the ones that are allowed now: callers that are denied already cannot be cut off. */
  readonly mayBeDenied: readonly SimulatedCall[];
  /** Kinds of calls that were replayed, including those of services that the change does not affect. */
  readonly replayed: number;
}

interface Comparison {
  readonly before: DecideRecorded | undefined;
  /** Absent: the port is removed. */
  readonly after: DecideRecorded | undefined;
}

/** Recorded decisions are used where `before` cannot tell. A port that `after` no longer has counts as denied. */
export function simulate(before: MeshIr, after: MeshIr, calls: Iterable<RecordedCall>): Simulation {
  const found = { newlyDenied: collect(), newlyAllowed: collect(), cannotTell: collect(), mayBeDenied: collect() };
  const compare = comparisons(before, after);
  let replayed = 0;
  for (const call of calls) {
    replayed++;
    const comparison = compare(portKey(call.service as ServiceKey, call.port ?? defaultPort));
    if (comparison === undefined) continue;
    const recorded: RecordedDecision = { outcome: call.decision === 'denied' ? 'denied' : 'allowed' };
    const told = comparison.before?.(call) ?? recorded;
    const was = told.outcome === 'unknown' ? recorded : told;
    // The proxies of a removed port keep what they have until they exit; after that nobody is served.
    const will = comparison.after?.(call) ?? { outcome: 'denied' };
    if (will.outcome === 'unknown') {
      found.cannotTell.add(call, will);
      if (was.outcome === 'allowed') found.mayBeDenied.add(call, will);
    } else if (was.outcome !== will.outcome) {
      found[will.outcome === 'denied' ? 'newlyDenied' : 'newlyAllowed'].add(call, will);
    }
  }
  return {
    newlyDenied: found.newlyDenied.all(),
    newlyAllowed: found.newlyAllowed.all(),
    cannotTell: found.cannotTell.all(),
    mayBeDenied: found.mayBeDenied.all(),
    replayed,
  };
}

/** Undefined for a port that the change does not affect. */
function comparisons(before: MeshIr, after: MeshIr): (key: PortKey) => Comparison | undefined {
  const known = new Map<PortKey, Comparison | undefined>();
  const sameMesh = text(before.breakGlass, [...before.cells]) === text(after.breakGlass, [...after.cells]);
  const compare = (key: PortKey): Comparison | undefined => {
    const [old, next] = [portOf(before, key), portOf(after, key)];
    if (old === undefined && next === undefined) return undefined;
    if (sameMesh && old !== undefined && next !== undefined && judgement(old) === judgement(next)) return undefined;
    return {
      before: old === undefined ? undefined : createDecideRecorded(before, old),
      after: next === undefined ? undefined : createDecideRecorded(after, next),
    };
  };
  return (key) => {
    if (!known.has(key)) known.set(key, compare(key));
    return known.get(key);
  };
}

/** Everything about a port that decisions depend on, wherever it is written. */
function judgement({ protocol, mtls, healthPath, escapedSlashes, authorization, rawPatches }: PortIr): string {
  const { fallback, cellDefault, deny, allow } = authorization;
  const rules = (list: readonly RuleIr[]) => list.map(({ principals, operations }) => [principals, operations]);
  return text(
    [protocol, mtls, healthPath, escapedSlashes, fallback, cellDefault, rules(deny), rules(allow)],
    rawPatches,
  );
}

function text(...parts: readonly unknown[]): string {
  return JSON.stringify(parts);
}

interface Collection {
  add(call: RecordedCall, decision: RecordedDecision): void;
  /** Most frequent first. */
  all(): readonly SimulatedCall[];
}

function collect(): Collection {
  const rows = new Map<string, SimulatedCall>();
  return {
    add({ service, port, caller, principal, peer, method, path, count, lastSeen }, { stage, rule }) {
      const by = rule ?? stage;
      const row = {
        service,
        ...defined({ port }),
        caller,
        ...defined({ principal, peer, method }),
        ...(path === undefined ? {} : { path: describeRecordedPath(path) }),
        ...defined({ by }),
      };
      const key = JSON.stringify(row);
      const known = rows.get(key);
      rows.set(key, {
        ...row,
        count: count + (known?.count ?? 0),
        lastSeen: Math.max(lastSeen, known?.lastSeen ?? 0),
      });
    },
    all: () => [...rows.values()].sort((a, b) => b.count - a.count),
  };
}
