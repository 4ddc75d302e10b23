// Counters of a proxy against what its log told, pure. Neither is read at one instant, so both are bounds: `counted` of what had
// ended when the counters were read, `told` of those same in the log. The log's surplus (told - counted) is then between two numbers,
// too. Entries that get lost lower it for good, and nothing else does: counters that begin anew raise it. So calls are missing, for
// certain, when the most that the surplus can be now is below the least that it once was.

export interface Reading {
  /** Of the log's side, as epoch milliseconds: no later than the counters were read, and no earlier. */
  readonly from: number;
  readonly to: number;
  readonly counted: Bounds;
  readonly told: Bounds;
}

export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** The log told `told` at most of the `counted` calls that ended within the time. */
export interface Shortfall {
  readonly from: number;
  readonly to: number;
  readonly counted: number;
  readonly told: number;
}

export interface Comparison {
  /** The reading in which the surplus was highest for certain. */
  readonly base?: Reading;
  /** The one after it that had too little; not held against the log before another one has. */
  readonly suspect?: Reading;
}

/** `final`: no other reading will come to confirm what this one says. */
export function compare(
  { base, suspect }: Comparison,
  reading: Reading,
  final = false,
): { readonly next: Comparison; readonly shortfall?: Shortfall } {
  if (base === undefined) return { next: { base: reading } };
  const missing = missingBetween(base, reading);
  if (missing <= 0) return { next: { base: leastSurplus(reading) >= leastSurplus(base) ? reading : base } };
  if (suspect === undefined && !final) return { next: { base, suspect: reading } };
  const held = suspect ?? reading;
  const certain = Math.min(missing, missingBetween(base, held));
  // What else is missing since then is for the next readings to say.
  const next = compare({ base: held }, reading).next;
  return { next, shortfall: shortfallOf(base, held, certain) };
}

function leastSurplus({ told, counted }: Reading): number {
  return told.least - counted.most;
}

function missingBetween(base: Reading, { told, counted }: Reading): number {
  return leastSurplus(base) - (told.most - counted.least);
}

/** Counters that began anew in between, with their chain, tell less than what is missing. */
function shortfallOf(base: Reading, held: Reading, missing: number): Shortfall {
  const counted = Math.max(held.counted.least - base.counted.most, missing);
  return { from: base.from, to: held.to, counted, told: counted - missing };
}
