// What the memory of a process is judged by that is restarted now and then: a third of the time in short lives, one long life, a third
// in short ones again. Pure. A life's memory is the least of its second half: what is left after a collection, as seen from outside.

export interface Pair {
  readonly first: number;
  readonly last: number;
}

export interface Lives {
  /** The life is over: it is time for a restart. Times are seconds since the beginning of all. */
  over(at: number): boolean;
  /** After the restart. */
  begin(at: number): void;
  sample(at: number, memory: number): void;
  found(): {
    /** Short lives at the same age: the second of all (the first is alone with cold files), and the last. */
    readonly restarted: Pair;
    /** The long life: its second quarter (the first is its warm-up), and its last. */
    readonly long: Pair;
  };
}

/** `short`: so many lives before the long one, and as many after it. */
export function lives(seconds: number, short: number): Lives {
  const shortLife = seconds / 3 / short;
  const longLife = seconds / 3;
  const samples: { readonly life: number; readonly age: number; readonly memory: number }[] = [];
  let life = 0;
  let began = 0;
  const length = (): number => (life === short ? longLife : shortLife);
  const least = (of: number, from: number, to: number): number => {
    const there = samples.filter((sample) => sample.life === of && sample.age >= from && sample.age < to);
    if (there.length === 0) throw new Error(`no sample of life ${of} between ${from} and ${to} s`);
    return Math.min(...there.map(({ memory }) => memory));
  };
  return {
    over: (at) => life < 2 * short && at - began >= length(),
    begin(at) {
      life += 1;
      began = at;
    },
    sample: (at, memory) => void samples.push({ life, age: at - began, memory }),
    found() {
      // The last life is as long as restarts left it: all of its time counts, up to the age of the others.
      const ofShort = (of: number): number => least(of, shortLife / 3, shortLife);
      return {
        restarted: { first: ofShort(Math.min(1, short - 1)), last: ofShort(life) },
        long: {
          first: least(short, longLife / 4, longLife / 2),
          last: least(short, (longLife * 3) / 4, Number.POSITIVE_INFINITY),
        },
      };
    },
  };
}
