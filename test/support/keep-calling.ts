// A caller that never stops, and what became of its calls.

/** Calls one after the other, on a new connection each, until it is closed. */
export interface Caller {
  fine(): number;
  failed(): number;
  /** By `performance.now()`; 0: none yet. */
  lastFailure(): number;
  /** The first one after that moment. */
  firstFailureAfter(at: number): number | undefined;
  /** In a row, the last ones. */
  fineInARow(): number;
  /** What the last failure said. */
  why(): string;
  close(): Promise<void>;
}

const betweenMs = 40;
const longestCallMs = 3000;

export function keepCalling(call: () => Promise<void>): Caller {
  let [going, fine, failed, inARow, last, why] = [true, 0, 0, 0, 0, ''];
  const failures: number[] = [];
  const loop = (async () => {
    while (going) {
      let timer: NodeJS.Timeout | undefined;
      try {
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error(`no answer within ${longestCallMs} ms`)), longestCallMs);
        });
        await Promise.race([call(), late]);
        fine += 1;
        inARow += 1;
      } catch (reason) {
        failed += 1;
        inARow = 0;
        last = performance.now();
        failures.push(last);
        why = String(reason);
      } finally {
        clearTimeout(timer);
      }
      await new Promise((resolve) => setTimeout(resolve, betweenMs));
    }
  })();
  return {
    fine: () => fine,
    failed: () => failed,
    lastFailure: () => last,
    firstFailureAfter: (at) => failures.find((failure) => failure > at),
    fineInARow: () => inARow,
    why: () => why,
    async close() {
      going = false;
      await loop;
    },
  };
}
