// Numbers that a seed repeats.
import fc from 'fast-check';

export interface Random {
  readonly seed: number;
  /** 0 to `bound` - 1. */
  below(bound: number): number;
  of<T>(items: readonly T[]): T;
  bytes(length: number): Buffer;
}

/** Of the seed of all property tests; a new one each time where none is fixed. */
export function createRandom(): Random {
  const seed = (fc.readConfigureGlobal().seed ?? Date.now()) >>> 0;
  let state = seed;
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    seed,
    below,
    of(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error('nothing to choose from');
      return item;
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
