// A seeded source of choices: the same seed gives the same documents and requests.

export interface Random {
  /** 0 … n-1. */
  int(n: number): number;
  chance(p: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** `count` of them, each once. */
  some<T>(from: readonly T[], count: number): readonly T[];
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  // xorshift32 with an additive counter: no cryptography, only spread.
  let counter = 0;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    counter = (counter + 0x9e3779b9) >>> 0;
    return ((state + counter) >>> 0) / 2 ** 32;
  };
  if (state === 0) state = 1;
  for (let warm = 0; warm < 8; warm++) next();
  const int = (n: number): number => Math.floor(next() * n);
  const pick = <T>(from: readonly T[]): T => {
    const chosen = from[int(from.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  };
  return {
    int,
    pick,
    chance: (p) => next() < p,
    some(from, count) {
      const left = [...from];
      return Array.from({ length: Math.min(count, left.length) }, () => {
        const [chosen] = left.splice(int(left.length), 1);
        if (chosen === undefined) throw new Error('nothing left');
        return chosen;
      });
    },
  };
}
