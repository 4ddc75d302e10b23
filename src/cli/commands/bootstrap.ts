// `cellwall bootstrap`: Envoy's bootstrap, for those who run Envoy themselves.
import { Command } from 'commander';
import { addServerFlags } from '../flags/enrol.ts';
import { addProxyFlags, proxyOptions } from '../flags/proxy-flags.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { prints } from '../output/prints.ts';

export function bootstrapCommand(context: CliContext): Command {
  const command = new Command('bootstrap')
    .summary('print an Envoy bootstrap configuration')
    .description(
      'Prints the bootstrap that the sidecar would write, as JSON, for running Envoy yourself. Its xDS ' +
        'connection uses the certificate files of "svid fetch" (run that again before they expire: Envoy ' +
        'picks up the new ones).',
    )
    .requiredOption('--dir <dir>', 'the directory written by "svid fetch"');
  addProxyFlags(addServerFlags(command, ['xds']));
  examples(command, 'bootstrap --dir /var/lib/envoy --app 3000 --listen 10.0.0.5:8443 > envoy.json');
  prints(command, { kind: 'other', what: "Envoy's bootstrap" });
  return command.action(async (options: { dir: string }, self: Command) => {
    const value = await context.run.bootstrap({ ...proxyOptions(self), directory: options.dir });
    const format = formatOf(self);
    await print(context, format === 'table' ? 'json' : format, { value, table: () => '' });
  });
}
