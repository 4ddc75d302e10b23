// Answers what the signals of services since some moment are: those of this control plane, and of all others on the same store, as one.
import type { Clock } from '../lib/clock.ts';
import { createPause, inSteps } from '../lib/pauses.ts';
import { type Edge, readEdge } from './edge.ts';
import type { OthersSignals } from './others-signals.ts';
import { beginOf, type Level, levelFor } from './period.ts';
import type { RecordedSignals } from './recorded-signals.ts';
import type { Signals } from './signals.ts';
import { type Summed, sumUp } from './sum-up.ts';

export interface EdgeSignals {
  readonly edge: Edge;
  readonly signals: Signals;
  /** By begin of each period in which there was any, in order. Empty if not asked for. */
  readonly periods: readonly { readonly at: number; readonly signals: Signals }[];
}

export interface SignalsQuery {
  /** Epoch milliseconds. */
  readonly since: number;
  /** The services whose proxies report. Absent: all. */
  readonly services?: Iterable<string>;
  readonly series?: boolean;
}

export interface SignalsFound {
  /** From when on they are counted: the begin of a period. */
  readonly since: number;
  readonly level: Level;
  readonly edges: readonly EdgeSignals[];
  /** Services of which something since then was dropped for lack of space, and until when. */
  readonly dropped: ReadonlyMap<string, number>;
}

export interface ReadSignals {
  read(query: SignalsQuery): Promise<SignalsFound>;
}

export interface ReadSignalsDeps {
  readonly own: Pick<RecordedSignals, 'services' | 'rows' | 'droppedUntil'>;
  readonly others: Pick<OthersSignals, 'services' | 'rows'>;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

export function createReadSignals({ own, others, clock }: ReadSignalsDeps): ReadSignals {
  return {
    async read({ since, services, series = false }) {
      const level = levelFor(since, clock.now());
      const names = new Set(services ?? [...own.services(), ...others.services()]);
      const edges: EdgeSignals[] = [];
      const dropped = new Map<string, number>();
      const pause = createPause(clock);
      for (const name of names) {
        const steps = sumUp([own.rows(name), ...others.rows(name)], level, since, series);
        edges.push(...edgesOf(name, await inSteps(steps, pause)));
        const until = own.droppedUntil(name, level);
        if (until > since) dropped.set(name, until);
      }
      return { since: beginOf(level, since), level, edges, dropped };
    },
  };
}

function edgesOf(service: string, { edges, periods }: Summed): readonly EdgeSignals[] {
  const inOrder = [...periods].sort(([a], [b]) => a - b);
  return [...edges].flatMap(([key, signals]): EdgeSignals[] => {
    const edge = readEdge(service, key);
    if (edge === undefined) return [];
    const own = inOrder.flatMap(([at, of]) => {
      const there = of.get(key);
      return there === undefined ? [] : [{ at, signals: there }];
    });
    return [{ edge, signals, periods: own }];
  });
}
