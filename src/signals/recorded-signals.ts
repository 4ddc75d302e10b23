// The signals of every service that this control plane hears of. Each service has its own rows: what one proxy reports, true or not,
// displaces nothing of another service but by the total, which the largest pays for.
import type { Clock } from '../lib/clock.ts';
import type { Edge } from './edge.ts';
import type { Level } from './period.ts';
import type { KeptRow, Row } from './row.ts';
import { createServiceSignals, type ServiceSignals } from './service-signals.ts';
import type { Sample } from './signals.ts';

export interface RecordedSignals {
  record(edge: Edge, sample: Sample): void;
  /** Ends what is over, within the budget, and returns what changed since; a few services at a time. */
  changes(): Iterable<ReadonlyMap<string, KeptRow | undefined>>;
  restore(rows: Iterable<KeptRow & { readonly service: string }>): void;
  services(): readonly string[];
  rows(service: string): readonly (Row | KeptRow)[];
  /** Until when periods of this level are gone for lack of space; 0: none is. */
  droppedUntil(service: string, level: Level): number;
}

export interface RecordedSignalsOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Of one service, and in all, as characters of text. Default 4 and 96 million. */
  readonly serviceChars?: number;
  readonly maxChars?: number;
  /** Services of which anything is kept. Default 10,000. */
  readonly maxServices?: number;
}

const million = 1_000_000;

/** In memory; signals-keeper.ts stores it. */
export function createRecordedSignals(options: RecordedSignalsOptions): RecordedSignals {
  const { clock, serviceChars = 4 * million, maxChars = 96 * million, maxServices = 10_000 } = options;
  const services = new Map<string, ServiceSignals>();
  const serviceOf = (name: string): ServiceSignals | undefined => {
    const known = services.get(name);
    if (known !== undefined || services.size >= maxServices) return known;
    const made = createServiceSignals(name, [], clock.now());
    services.set(name, made);
    return made;
  };
  const trim = (): void => {
    let all = 0;
    for (const one of services.values()) {
      while (one.size() > serviceChars && one.shrink());
      all += one.size();
    }
    while (all > maxChars) {
      const [largest] = [...services.values()].sort((a, b) => b.size() - a.size());
      if (largest === undefined) return;
      const before = largest.size();
      // Somewhat more than needed: to find the largest is expensive.
      while (largest.size() > before - maxChars / 64 && largest.shrink());
      if (largest.size() === before) return;
      all -= before - largest.size();
    }
  };
  return {
    record: (edge, sample) => serviceOf(edge.service)?.record(edge, sample, clock.now()),
    *changes() {
      for (const one of services.values()) {
        one.advance(clock.now());
        while (one.size() > serviceChars && one.shrink());
        const changed = one.changes();
        if (changed.size > 0) yield changed;
      }
      trim();
    },
    restore(rows) {
      const byService = new Map<string, KeptRow[]>();
      for (const { service, ...row } of rows) {
        const own = byService.get(service) ?? [];
        own.push(row);
        byService.set(service, own);
      }
      for (const [service, own] of byService) {
        if (services.size < maxServices) services.set(service, createServiceSignals(service, own, clock.now()));
      }
      trim();
    },
    services: () => [...services.keys()],
    rows: (service) => services.get(service)?.rows() ?? [],
    droppedUntil: (service, level) => services.get(service)?.droppedUntil(level) ?? 0,
  };
}
