// Whether a command line runs what lives long: `serve` or `sidecar`, wherever the global options stand. Known before it is parsed, as
// its faults are printed, too.
const long: readonly (string | undefined)[] = ['serve', 'sidecar'];

export function livesLong(args: readonly string[]): boolean {
  const command = args.findIndex((arg, at) => !arg.startsWith('-') && !/^(-o|--output)$/.test(args[at - 1] ?? ''));
  return long.includes(args[command]);
}
