// `cellwall signals`: how calls went, by who calls which port.
import { Argument, Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { duration } from '../flags/number.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';

export function signalsCommand(context: CliContext): Command {
  const command = new Command('signals')
    .summary('show how calls went: rate, errors, latency, TLS, by caller and service')
    .description(
      'Shows every edge of the mesh, that is a caller and the port of a service that it calls: how many calls, how ' +
        "many of them were denied or failed and with which of Envoy's flags, how long they took (each quantile within " +
        '2 %), bytes, and versions of TLS, as the proxy of the called service saw them. What never reached it is ' +
        "counted from the caller's side. Declared dependencies that were not called, and times without a record, " +
        'are listed as such.',
    )
    .addArgument(new Argument('[service]', 'the service that is called, as `cell/name` or `name`'))
    .addOption(flag('--caller <caller>', 'only calls of this service, or SPIFFE ID'))
    .addOption(flag('--since <duration>', 'how far to look back', { default: '1h', parse: duration }))
    .addOption(flag('--series', 'with -o json: also each period by itself'))
    .action(
      async (
        service: string | undefined,
        options: { caller?: string; since: string; series?: true },
        self: Command,
      ) => {
        const client = await connect(context, self);
        const { caller, since, series } = options;
        const answer = await client.signals({
          ...defined({ service, caller }),
          ...{ since, series: series === true ? 'true' : 'false' },
        });
        const { formatSignals } = await import('../output/format-signals.ts');
        await print(context, formatOf(self), {
          value: answer,
          table: () => formatSignals(answer, context.clock.now()),
        });
      },
    );
  examples(command, 'signals gitlab/web --since 24h');
  return prints(addConnectionFlags(command), object('since until step relativeError edges edgeCount services'));
}
