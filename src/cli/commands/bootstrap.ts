// `cellwall bootstrap`: Envoy's bootstrap, for those who run Envoy themselves.
import { Command } from 'commander';
import { addBootstrapFlags, bootstrapOptions } from '../bootstrap-flags.ts';
import { addServerFlags } from '../enrol.ts';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../print.ts';
import { addIdentityFlags } from '../wanted-identity.ts';

export function bootstrapCommand(context: CliContext): Command {
  const command = new Command('bootstrap')
    .summary("print an Envoy's bootstrap")
    .description('Prints the bootstrap that the sidecar would write, as JSON, for those who run Envoy themselves.');
  addBootstrapFlags(addServerFlags(addIdentityFlags(command)));
  return command.action(async (_options: object, self: Command) => {
    const value = await context.run.bootstrap(bootstrapOptions(context, self));
    const format = formatOf(self);
    await print(context, format === 'table' ? 'json' : format, { value, table: () => '' });
  });
}
