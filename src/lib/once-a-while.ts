// For what many ask for and what changes slowly: it is read once in a while, and whoever asks meanwhile gets the same.
import type { Clock } from './clock.ts';

export interface OnceAWhile {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** For how long what was read is good. */
  readonly forMs: number;
}

/** A failure is for those who waited for it, and is not kept. */
export function onceAWhile<T>({ clock, forMs }: OnceAWhile, read: () => Promise<T>): () => Promise<T> {
  let kept: { readonly value: T; readonly until: number } | undefined;
  let reading: Promise<T> | undefined;
  const readNow = async (): Promise<T> => {
    const value = await read();
    kept = { value, until: clock.monotonic() + forMs };
    return value;
  };
  return () => {
    if (kept !== undefined && kept.until > clock.monotonic()) return Promise.resolve(kept.value);
    reading ??= readNow().finally(() => {
      reading = undefined;
    });
    return reading;
  };
}
