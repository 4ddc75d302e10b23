// Waits for a condition, never for a time.
import { setTimeout as wait } from 'node:timers/promises';

export interface UntilOptions {
  /** What is waited for, in words. */
  readonly what: string;
  readonly withinMs: number;
  readonly everyMs?: number;
}

/** The first defined answer of `probe`. Its failures count as "not yet"; the last one is told if time runs out. */
export async function until<T>(
  probe: () => Promise<T | undefined> | T | undefined,
  { what, withinMs, everyMs = 25 }: UntilOptions,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined) return answer;
      last = undefined;
    } catch (reason) {
      last = reason;
    }
    if (Date.now() > deadline) {
      const why = last === undefined ? '' : `: ${last instanceof Error ? last.message : String(last)}`;
      throw new Error(`${what}: not within ${withinMs} ms${why}`);
    }
    await wait(everyMs);
  }
}

/** `until` for a condition without a value. */
export async function untilTrue(probe: () => Promise<boolean> | boolean, options: UntilOptions): Promise<void> {
  await until(async () => ((await probe()) ? true : undefined), options);
}
