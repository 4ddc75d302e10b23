/** As bin/cellwall.cjs has V8 run `cellwall serve`. */
export const flagsOfServe: readonly string[] = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=8',
  '--heap-growing-percent=75',
];
