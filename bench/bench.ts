// What every bench is: it runs alone or with the others, at length or in short, and says a page that names its inputs.

/** A number of the command line (`--NAME N`), and what it is if none is given: usually, and with `--short`. */
export interface BenchNumber {
  readonly usual: number;
  readonly short: number;
}

export interface Bench {
  /** As on the command line, and of its page in docs/performance/. */
  readonly name: string;
  /** What it measures, in a sentence. */
  readonly about: string;
  /** Besides `rounds`, which every bench has. */
  readonly numbers: Readonly<Record<string, BenchNumber>> & { readonly rounds: BenchNumber };
  /** The words that `--only` takes: of each list, all unless one of it is given. */
  readonly choices: readonly (readonly string[])[];
  run(setup: BenchSetup): Promise<BenchPage>;
}

export interface BenchSetup {
  /** For what is built and written; removed afterwards. */
  readonly folder: string;
  /** One of its numbers. */
  number(name: string): number;
  /** Whether a word of its choices is wanted. */
  wants(word: string): boolean;
  readonly say: (text: string) => void;
}

export interface BenchPage {
  /** Markdown, without a title. */
  readonly lines: readonly string[];
  /** SVG by the name of the file. */
  readonly charts: Readonly<Record<string, string>>;
  /** All that was measured, for `--json`. */
  readonly data: unknown;
  /** What went wrong: then the figures say nothing. */
  readonly errors: readonly string[];
}
