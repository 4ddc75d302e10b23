// How often a host may take a new name for a proxy: each is kept for weeks in the record. The names that it had when it was evicted, or
// banned, are not new when it is let in again.
import { createBudget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';

export interface NewNames {
  /** 0 if it may; otherwise how long it has to wait, milliseconds. */
  spend(node: string, holder: string): number;
  /** It had this name until now. */
  had(node: string, holder: string): void;
}

const newNames = { burst: 16, everyMs: 60_000 };
/** The oldest are forgotten: then such a name is as good as a new one. */
const mostRemembered = 4096;

export function createNewNames(clock: Clock): NewNames {
  const budget = createBudget({ clock, ...newNames });
  const holders = new Map<string, string>();
  return {
    spend: (node, holder) => (holders.get(node) === holder ? 0 : budget.spend(holder)),
    had(node, holder) {
      holders.delete(node);
      holders.set(node, holder);
      const [oldest] = holders.keys();
      if (holders.size > mostRemembered && oldest !== undefined) holders.delete(oldest);
    },
  };
}
