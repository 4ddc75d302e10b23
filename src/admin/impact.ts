// What a change would do to the calls that were recorded, for the routes that report it.
import { CellwallError } from '../lib/errors.ts';
import { parseDuration } from '../model/duration.ts';
import type { MeshIr } from '../policy/ir.ts';
import { type SimulatedCall, type Simulation, simulate } from '../policy/replay/simulate.ts';
import type { AdminDeps, RecordReader } from './deps.ts';
import type { SimulationAnswer } from './wire-record.ts';

const maxRows = 1000;
const recently = '7d';

type Meaning = { readonly mesh?: MeshIr };

/** Undefined if there is no mesh to decide in, before or after. */
export function impactOf(
  { mesh: before }: Meaning,
  { mesh: after }: Meaning,
  record: RecordReader,
  since: number,
): { readonly simulation: Simulation; readonly meshes: readonly [MeshIr, MeshIr] } | undefined {
  if (before === undefined || after === undefined) return undefined;
  return { simulation: simulate(before, after, record.calls(since)), meshes: [before, after] };
}

/** Only the totals, for the last days: what an answer about a change adds. */
export function recentImpact(
  before: Meaning,
  after: Meaning,
  { record, clock }: Pick<AdminDeps, 'record' | 'clock'>,
): SimulationAnswer['totals'] | undefined {
  const impact = impactOf(before, after, record, sinceOf(recently, clock.now()));
  return impact && totalsOf(impact.simulation);
}

/** Calls, not kinds of calls. */
export function totalsOf({ newlyDenied, newlyAllowed, cannotTell }: Simulation): SimulationAnswer['totals'] {
  const sum = (rows: readonly SimulatedCall[]): number => rows.reduce((total, { count }) => total + count, 0);
  return { newlyDenied: sum(newlyDenied), newlyAllowed: sum(newlyAllowed), cannotTell: sum(cannotTell) };
}

/** The most that an answer lists. */
export function firstRows(rows: readonly SimulatedCall[]): SimulatedCall[] {
  return rows.slice(0, maxRows);
}

/** Epoch milliseconds of `text` before `now`; throws `invalid_argument`. */
export function sinceOf(text: string, now: number): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return now - ms;
  throw new CellwallError('invalid_argument', `"since" is not a duration: ${text}`, {
    hint: 'a whole number and s, m, h or d, as in "24h"',
  });
}
