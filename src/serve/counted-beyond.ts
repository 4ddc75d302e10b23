// Evidence of what anybody can cause without end: so many records one by one, and of the rest, every minute, how many there were and why.
import { createBudget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';

export interface CountedBeyond {
  /** False: it is counted, and not recorded by itself. */
  take(reason: string): boolean;
  /** It is counted, and never recorded by itself. */
  count(reason: string): void;
}

export interface CountedBeyondDeps {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly lifecycle: Pick<Lifecycle, 'defer'>;
  /** For the lifecycle. */
  readonly name: string;
  /** Of what was counted; `reasons`: how many for each, the most frequent first. */
  readonly summarize: (count: number, reasons: readonly string[]) => unknown;
}

const each = { burst: 600, everyMs: 200 };
const summaryMs = 60_000;
const [mostKept, mostTold] = [100, 10];

export function createCountedBeyond({ clock, lifecycle, name, summarize }: CountedBeyondDeps): CountedBeyond {
  const budget = createBudget({ clock, ...each });
  const beyond = new Map<string, number>();
  let waiting: (() => void) | undefined;
  const tell = async (): Promise<void> => {
    waiting?.();
    waiting = undefined;
    if (beyond.size === 0) return;
    const all = [...beyond].toSorted(([, a], [, b]) => b - a);
    beyond.clear();
    const total = all.reduce((sum, [, one]) => sum + one, 0);
    await summarize(
      total,
      all.slice(0, mostTold).map(([reason, one]) => `${one} × ${reason}`),
    );
  };
  lifecycle.defer(name, tell);
  const count = (reason: string): void => {
    // Reasons are few, but some contain what was proved.
    const known = beyond.has(reason) || beyond.size < mostKept ? reason : 'other reasons';
    beyond.set(known, (beyond.get(known) ?? 0) + 1);
    waiting ??= clock.after(summaryMs, () => void tell());
  };
  return {
    take(reason) {
      if (budget.spend('') === 0) return true;
      count(reason);
      return false;
    },
    count,
  };
}
