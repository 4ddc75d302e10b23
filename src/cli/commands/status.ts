// `cellwall status`: the control plane, its proxies, and who calls whom, and how.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { escapeJson } from '../../lib/escape.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { duration, msOf } from '../flags/number.ts';
import type { CliContext } from '../io.ts';
import type { StatusView } from '../output/format-status.ts';
import { examples } from '../output/help.ts';
import { formatOf, isWide, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { printProblems } from '../output/problems.ts';

interface StatusOptions {
  readonly cell?: string;
  readonly problems?: true;
  readonly watch?: true;
  readonly every: string;
}

/** Where the output is no terminal: what fits beside other text. */
const usualWidth = 100;
const leastWidth = 60;
const leastEveryMs = 500;

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
    .option('--watch', 'stay, and show it again and again: on a terminal in place, elsewhere one below the other')
    .addOption(flag('--every <duration>', 'with --watch: how often', { default: '2s', parse: duration }))
    .action(async (service: string | undefined, options: StatusOptions, self: Command) => {
      const client = await connect(context, self);
      const format = formatOf(self);
      const [{ formatStatus }, { selectStatus }] = await Promise.all([
        import('../output/format-status.ts'),
        import('../output/select-status.ts'),
      ]);
      const { cell, problems, watch } = options;
      const read = async (): Promise<StatusView> => {
        const [status, { services }, { proxies }, { traffic, handshakes }] = await Promise.all([
          client.status(),
          client.services(),
          client.proxies(),
          client.traffic(),
        ]);
        const view = { status, services, proxies, traffic, handshakes, now: context.clock.now() };
        return selectStatus(view, defined({ service, cell, problems }));
      };
      const some = service !== undefined || cell !== undefined;
      const table = (view: StatusView, width: number): string =>
        formatStatus(view, { width: isWide(self) ? undefined : width, some });
      const show = async (view: StatusView, line: boolean): Promise<void> => {
        const { now: _, ...value } = view;
        if (format === 'table') printProblems(context, view.status.problems, []);
        // One line a state, for programs that read lines.
        if (format === 'json' && line) return void context.stdout.write(escapeJson(`${JSON.stringify(value)}\n`));
        const width = Math.max(context.stdout.columns ?? usualWidth, leastWidth);
        await print(context, format, { value, table: () => table(view, width) });
      };
      if (watch === undefined) return show(await read(), false);
      const everyMs = Math.max(msOf(options.every), leastEveryMs);
      const { follow, live } = await import('../output/live.ts');
      const problemsIn = ({ status }: StatusView): readonly string[] => status.problems.map(({ message }) => message);
      if (format === 'table' && context.stdout.isTTY === true)
        return live(context, { everyMs, read, table, problems: problemsIn });
      await follow(context, { everyMs, read, show: (view) => show(view, true) });
    });
  examples(
    command,
    'status cell-1/api',
    'status --problems',
    'status --watch',
    'status -o wide',
    'status --cell cell-1 -o json',
  );
  return prints(addConnectionFlags(command), object('status services proxies traffic handshakes'));
}
