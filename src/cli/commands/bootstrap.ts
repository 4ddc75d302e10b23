// `cellwall bootstrap`: Envoy's bootstrap, for those who run Envoy themselves.
import { Command } from 'commander';
import { addServerFlags } from '../enrol.ts';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../print.ts';
import { prints } from '../prints.ts';
import { addProxyFlags, proxyOptions } from '../proxy-flags.ts';

export function bootstrapCommand(context: CliContext): Command {
  const command = new Command('bootstrap')
    .summary("print an Envoy's bootstrap")
    .description(
      'Prints the bootstrap that the sidecar would write, as JSON, for those who run Envoy themselves. Its xDS connection takes\nits certificate from the files of "svid fetch" (run that again before they end: Envoy sees the new ones).',
    )
    .requiredOption('--dir <dir>', 'where "svid fetch" put the certificate');
  addProxyFlags(addServerFlags(command));
  prints(command, { kind: 'other', what: "Envoy's bootstrap" });
  return command.action(async (options: { dir: string }, self: Command) => {
    const value = await context.run.bootstrap({ ...proxyOptions(self), directory: options.dir });
    const format = formatOf(self);
    await print(context, format === 'table' ? 'json' : format, { value, table: () => '' });
  });
}
