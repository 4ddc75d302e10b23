// Looks at Redis without being told: what pub/sub loses, what somebody edits by hand, and what Redis itself drops is found all the same.
import type { Clock } from '../../lib/clock.ts';

export interface PollingDeps {
  readonly clock: Clock;
  readonly pollMs: number;
  /** How often direct edits are looked for. */
  readonly directMs: number;
  /** How long the last look took: looking takes up at most a 25th of the time. */
  readonly costMs: () => number;
  /** While it does not answer, and while it is seen to have lost something. */
  readonly hurry: () => boolean;
  /** `full`: everything is read. */
  readonly look: (full?: boolean) => void;
  readonly tables: { look(): void };
  /** Whether keys were evicted. */
  readonly evicted: () => Promise<boolean>;
  /** The tables are to be looked through. */
  readonly suspect: () => void;
}

const fullReadEvery = 10;
const suspectEvery = 100;
const hurryMs = 1000;
const mostMs = 10_000;

/** The answer ends it. */
export function startPolling(deps: PollingDeps): () => void {
  const { clock, pollMs, directMs, costMs, hurry, look, tables, evicted, suspect } = deps;
  let polls = 0;
  let cancel = (): void => {};
  const again = (): void => {
    const ms = hurry() ? Math.min(pollMs, hurryMs) : pollMs;
    // By chance a tenth sooner or later, so that replicas do not come in step.
    cancel = clock.after(ms * (0.9 + Math.random() / 5), () => {
      polls += 1;
      const full = polls % fullReadEvery === 0;
      if (polls % suspectEvery === 0) suspect();
      look(full || hurry());
      tables.look();
      if (full && !hurry()) void evicted().then((more) => more && suspect());
      again();
    });
  };
  again();
  let cancelQuick = (): void => {};
  const quick = (): void => {
    // A look that took long may have been an outage.
    const ms = Math.max(directMs, Math.min(25 * costMs(), mostMs));
    cancelQuick = clock.after(ms * (0.9 + Math.random() / 5), () => {
      if (!hurry()) look();
      quick();
    });
  };
  quick();
  return () => {
    cancel();
    cancelQuick();
  };
}

export interface FirstAnswerDeps {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly answered: () => boolean;
  /** Resolves when no look is under way. */
  readonly idle: () => Promise<unknown>;
}

/** Waits for the first answer, but not longer than a command may take: Redis may come later. */
export async function firstAnswer({ clock, timeoutMs, answered, idle }: FirstAnswerDeps): Promise<void> {
  const end = clock.monotonic() + timeoutMs;
  while (!answered() && clock.monotonic() < end) {
    await new Promise<void>((resolve) => void setTimeout(resolve, 5));
    await idle();
  }
}
