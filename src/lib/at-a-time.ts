// Does the same for many items, a limited number at a time: thousands of files are written neither one after the other, nor all at once.

/** Results in the order of `items`. If one fails, no more are started, and it throws once those in progress have ended. */
export async function atATime<T, R>(
  limit: number,
  items: readonly T[],
  run: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const rest = items.entries();
  let failure: { readonly reason: unknown } | undefined;
  const work = async (): Promise<void> => {
    for (const [index, item] of rest) {
      if (failure !== undefined) return;
      try {
        results[index] = await run(item);
      } catch (reason) {
        failure ??= { reason };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  if (failure !== undefined) throw failure.reason;
  return results;
}
