// One thing that every release must show: what, the bound, and the code that measures it.

export interface Item {
  /** Kebab-case, unique in its catalog; `--only` takes it. */
  readonly name: string;
  /** The promise, as a sentence. */
  readonly line: string;
  /** The bound, as people read it: "median < 700 ms, p99 < 1200 ms". */
  readonly bound: string;
  run(context: Context): Promise<Outcome>;
}

export interface Context {
  /** The project's root. */
  readonly root: string;
  /** A folder of the item's own, removed afterwards. */
  readonly work: string;
  /** Says what is going on; one line. */
  progress(text: string): void;
  /** Runs after the item, last registered first, whatever happened. */
  defer(close: () => void | Promise<void>): void;
}

export interface Outcome {
  readonly ok: boolean;
  /** Measured figures by name; each with its unit in the name (`medianMs`, `pssMiB`). */
  readonly figures: Readonly<Record<string, number | string | boolean>>;
}

export interface Result extends Outcome {
  readonly item: string;
  readonly line: string;
  readonly bound: string;
  readonly seconds: number;
  readonly date: string;
  readonly machine: string;
  readonly commit: string;
}
