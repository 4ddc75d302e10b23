// Which rows of a long table are in sight. Pure.

export interface Window {
  /** The first row, and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** Empty space above and below, px. */
  readonly above: number;
  readonly below: number;
}

/** `rowPx`: every row has this height. A few rows beyond the edges are included, so that scrolling shows no gaps. */
export function windowOf(rows: number, rowPx: number, scrollTop: number, heightPx: number, spare = 12): Window {
  const first = Math.floor(Math.max(0, scrollTop) / rowPx) - spare;
  const count = Math.ceil(Math.max(0, heightPx) / rowPx) + 2 * spare;
  const from = Math.min(Math.max(0, first), Math.max(0, rows - count));
  const to = Math.min(rows, Math.max(0, from + count));
  return { from, to, above: from * rowPx, below: (rows - to) * rowPx };
}
