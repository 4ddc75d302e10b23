// Whether a command line starts something long-running (`serve`, `sidecar`, `runner serve`), wherever the global options are. Known before
// it is parsed, because parse errors are printed, too.
const long: readonly (string | undefined)[] = ['serve', 'sidecar'];

export function livesLong(args: readonly string[]): boolean {
  const command = args.findIndex((arg, at) => !arg.startsWith('-') && !/^(-o|--output)$/.test(args[at - 1] ?? ''));
  return long.includes(args[command]) || (args[command] === 'runner' && args.slice(command).includes('serve'));
}
