// `cellwall status`: the control plane, its proxies, and who calls whom, and how.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, isWide, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { printProblems } from '../output/problems.ts';

interface StatusOptions {
  readonly cell?: string;
  readonly problems?: true;
}

/** Where the output is no terminal: what fits beside other text. */
const usualWidth = 100;
const leastWidth = 60;

export function statusCommand(context: CliContext): Command {
  const command = new Command('status')
    .summary('show the control plane, its services, proxies and their traffic')
    .description(
      'Shows the control plane; every service, whether it is strict, and what holds it back if not; every proxy ' +
        '(what it accepted, what it rejected, its certificate); applications that do not answer, or can be reached around their sidecar; ' +
        'and the calls that proxies reported: plaintext, ' +
        'one-way TLS, legacy certificates and mTLS told apart; and the TLS handshakes that failed before a service. ' +
        'Lines are as long as the terminal is wide, elsewhere 100; with -o wide every column is there, and each row is one line.',
    )
    .argument('[service]', 'only this one (name or cell/name), with every application and the calls that it makes')
    .option('--cell <name>', 'only services of this cell')
    .option('--problems', 'only what is not in order')
    .action(async (service: string | undefined, options: StatusOptions, self: Command) => {
      const client = await connect(context, self);
      const [status, { services }, { proxies }, { traffic, handshakes }] = await Promise.all([
        client.status(),
        client.services(),
        client.proxies(),
        client.traffic(),
      ]);
      const format = formatOf(self);
      if (format === 'table') printProblems(context, status.problems, []);
      const [{ formatStatus }, { selectStatus }] = await Promise.all([
        import('../output/format-status.ts'),
        import('../output/select-status.ts'),
      ]);
      const { cell, problems } = options;
      const { now, ...value } = selectStatus(
        { status, services, proxies, traffic, handshakes, now: context.clock.now() },
        defined({ service, cell, problems }),
      );
      const width = isWide(self) ? undefined : Math.max(context.stdout.columns ?? usualWidth, leastWidth);
      await print(context, format, {
        value,
        table: () => formatStatus({ ...value, now }, { width, some: service !== undefined || cell !== undefined }),
      });
    });
  examples(command, 'status cell-1/api', 'status --problems', 'status -o wide', 'status --cell cell-1 -o json');
  return prints(addConnectionFlags(command), object('status services proxies traffic handshakes'));
}
