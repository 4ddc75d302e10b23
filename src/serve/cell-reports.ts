// What control planes of cells that follow this one report of a rotation of the root: the last report of each, for as long as it counts.
import { type CellReport, readCellReport, type SeenCell } from '../identity/roots/cell-report.ts';
import type { SeenFollower } from '../identity-api/follow-routes.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';

export interface CellReports {
  /** Throws `invalid_argument` for what is no report. */
  take(cell: string, follower: string, report: unknown): void;
  /** Those that follow, and those that have reported lately. */
  list(following: readonly SeenFollower[]): readonly SeenCell[];
  /** The roots that a follower says it has, by name. Undefined: it has not said lately. */
  trusting(follower: string): readonly string[] | undefined;
}

/** A cell with many certificates takes up to ten seconds from one report to the next. */
export const reportCountsMs = 15_000;
const mostKept = 1024;

export function createCellReports(clock: Pick<Clock, 'monotonic'>): CellReports {
  /** One host may be the control plane of several cells. */
  const keyOf = ({ cell, follower }: Pick<SeenCell, 'cell' | 'follower'>): string => `${cell} ${follower}`;
  const reports = new Map<string, Pick<SeenCell, 'cell' | 'follower'> & { report: CellReport; at: number }>();
  const forget = (): void => {
    for (const [key, { at }] of reports) if (clock.monotonic() - at > reportCountsMs) reports.delete(key);
  };
  return {
    take(cell, follower, value) {
      const report = readCellReport(value);
      if (report === undefined) throw new CellwallError('invalid_argument', 'this is no report of a rotation');
      const key = keyOf({ cell, follower });
      forget();
      if (reports.size >= mostKept && !reports.has(key)) {
        throw new CellwallError('resource_exhausted', 'too many report', { hint: 'report again later' });
      }
      reports.set(key, { cell, follower, report, at: clock.monotonic() });
    },
    list(following) {
      forget();
      const listening = new Map(following.map((one) => [keyOf(one), one]));
      return [...new Set([...listening.keys(), ...reports.keys()])].flatMap((key): SeenCell[] => {
        const [stream, said] = [listening.get(key), reports.get(key)];
        const one = said ?? stream;
        if (one === undefined) return [];
        const told = said === undefined ? {} : { report: said.report, ageMs: clock.monotonic() - said.at };
        const takesPart = said !== undefined || stream?.takesPart === true;
        return [{ cell: one.cell, follower: one.follower, connected: stream !== undefined, takesPart, ...told }];
      });
    },
    trusting(follower) {
      forget();
      return [...reports.values()].find((one) => one.follower === follower)?.report.roots;
    },
  };
}
