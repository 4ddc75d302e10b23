// `cellwall status`: the control plane, its proxies, and who calls whom, and how.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { printProblems } from '../output/problems.ts';

export function statusCommand(context: CliContext): Command {
  const command = new Command('status')
    .summary('show the control plane, its services, proxies and their traffic')
    .description(
      'Shows the control plane; every service, whether it is strict, and what holds it back if not; every proxy ' +
        '(what it accepted, what it rejected, its certificate); and the calls that proxies reported: plaintext, ' +
        'one-way TLS, legacy certificates and mTLS told apart; and the TLS handshakes that failed before a service.',
    )
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const [status, { services }, { proxies }, { traffic, handshakes }] = await Promise.all([
        client.status(),
        client.services(),
        client.proxies(),
        client.traffic(),
      ]);
      const format = formatOf(self);
      if (format === 'table') printProblems(context, status.problems, []);
      const { formatStatus } = await import('../output/format-status.ts');
      await print(context, format, {
        value: { status, services, proxies, traffic, handshakes },
        table: () => formatStatus({ status, services, proxies, traffic, handshakes, now: context.clock.now() }),
      });
    });
  examples(command, 'status -o json');
  return prints(addConnectionFlags(command), object('status services proxies traffic handshakes'));
}
