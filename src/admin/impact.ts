// What a change would do to the calls that were recorded, for the routes that answer it.
import { CellwallError } from '../lib/errors.ts';
import { parseDuration } from '../model/duration.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { MeshIr } from '../policy/ir.ts';
import { type SimulatedCall, type Simulation, simulate } from '../policy/replay/simulate.ts';
import { resolve } from '../policy/resolve/resolve.ts';
import type { AdminDeps, RecordReader } from './deps.ts';
import type { SimulationAnswer } from './wire-record.ts';

const maxRows = 1000;
const recently = '7d';

/** Undefined where there is no mesh to decide in, before or after. */
export function impactOf(
  before: readonly ParsedDocument[],
  after: readonly ParsedDocument[],
  record: RecordReader,
  since: number,
): { readonly simulation: Simulation; readonly meshes: readonly [MeshIr, MeshIr] } | undefined {
  const [old, next] = [meshOf(before), meshOf(after)];
  if (old === undefined || next === undefined) return undefined;
  return { simulation: simulate(old, next, record.calls(since)), meshes: [old, next] };
}

/** The sums alone, of the last days: what an answer about a change adds to it. */
export function recentImpact(
  before: readonly ParsedDocument[],
  after: readonly ParsedDocument[],
  { record, clock }: Pick<AdminDeps, 'record' | 'clock'>,
): SimulationAnswer['totals'] | undefined {
  const impact = impactOf(before, after, record, sinceOf(recently, clock.now()));
  return impact && totalsOf(impact.simulation);
}

export function meshOf(documents: readonly ParsedDocument[]): MeshIr | undefined {
  const resolution = resolve(documents);
  return resolution.kind === 'resolved' ? resolution.mesh : undefined;
}

export function totalsOf({ newlyRefused, newlyAllowed, cannotTell }: Simulation): SimulationAnswer['totals'] {
  const sum = (rows: readonly SimulatedCall[]): number => rows.reduce((total, { count }) => total + count, 0);
  return { newlyRefused: sum(newlyRefused), newlyAllowed: sum(newlyAllowed), cannotTell: sum(cannotTell) };
}

export function firstRows(rows: readonly SimulatedCall[]): SimulatedCall[] {
  return rows.slice(0, maxRows);
}

/** Epoch milliseconds of `text` before `now`; throws `invalid_argument`. */
export function sinceOf(text: string, now: number): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return now - ms;
  throw new CellwallError('invalid_argument', `"since" is no duration: ${text}`, {
    hint: 'a whole number and s, m, h or d, as in "24h"',
  });
}
