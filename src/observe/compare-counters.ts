// Compares a proxy's counters with what its log reported. Pure. Neither is read at one instant, so both are bounds: `counted` of what had
// ended when the counters were read, `told` of the same in the log. So the log's surplus (told - counted) is between two numbers as well.
// Lost entries lower it permanently, and nothing else does: counters that restart raise it. So calls are certainly missing if the highest
// possible surplus now is below the lowest that it certainly once was.

export interface Reading {
  /** For the log's side, as epoch milliseconds: no later than the counters were read, and no earlier. */
  readonly from: number;
  readonly to: number;
  readonly counted: Bounds;
  readonly told: Bounds;
}

/** Inclusive. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** The log reported at most `told` of the `counted` calls that ended within the time. */
export interface Shortfall {
  readonly from: number;
  readonly to: number;
  readonly counted: number;
  readonly told: number;
}

export interface Comparison {
  /** The reading in which the surplus was certainly highest. */
  readonly base?: Reading;
  /** The next one that had too little; not held against the log before another one confirms it. */
  readonly suspect?: Reading;
}

/** `final`: no other reading will come to confirm this one. */
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
  // Anything else missing since then is for the next readings to report.
  const next = compare({ base: held }, reading).next;
  return { next, shortfall: shortfallOf(base, held, certain) };
}

function leastSurplus({ told, counted }: Reading): number {
  return told.least - counted.most;
}

function missingBetween(base: Reading, { told, counted }: Reading): number {
  return leastSurplus(base) - (told.most - counted.least);
}

/** Counters that restarted in between, with their chain, report less than what is missing. */
function shortfallOf(base: Reading, held: Reading, missing: number): Shortfall {
  const counted = Math.max(held.counted.least - base.counted.most, missing);
  return { from: base.from, to: held.to, counted, told: counted - missing };
}
