// `cellwall proxy log-level`: has one Envoy log more, or less, for a while.
import { Command, InvalidArgumentError } from 'commander';
import type { LogLevelsBody } from '../../admin/wire-envoy.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { duration } from '../flags/number.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { relativeTime } from '../output/time.ts';

type Level = LogLevelsBody['levels'][string];

const levels: readonly Level[] = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'];
const everyLogger = '*';

export function proxyCommand(context: CliContext): Command {
  return new Command('proxy').summary('have a proxy log more, or less').addCommand(logLevelCommand(context));
}

interface Options {
  readonly for: string;
  readonly reset?: true;
}

function logLevelCommand(context: CliContext): Command {
  const command = new Command('log-level')
    .summary('set what an Envoy logs, for a while')
    .description(
      "Sets levels of a proxy's Envoy, of all its loggers or of some. They go back by themselves to what they were, also without the " +
        'control plane; a restart of the sidecar ends them, too. debug and trace write headers to the log of the sidecar, tokens among ' +
        'them: an administrator may do this, and it is in the audit log.',
    )
    .argument('<proxy>', 'named as in "cellwall status"')
    .argument('[level...]', `LEVEL for all loggers, LOGGER=LEVEL for one; levels: ${levels.join(', ')}`, readLevels)
    .addOption(flag('--for <duration>', 'after that they go back, 24h at most', { default: '10m', parse: duration }))
    .option('--reset', 'they go back now')
    .addOption(reasonFlag())
    .action(async (proxy: string, given: Wanted | readonly [], { for: time, reset }: Options, self: Command) => {
      // commander passes an empty array where no level is given.
      const wanted: Wanted = Object.fromEntries(Object.entries(given));
      if ((Object.keys(wanted).length === 0) !== (reset === true)) {
        self.error('error: give levels, or --reset', { exitCode: 2, code: 'commander.missingArgument' });
      }
      const client = await connect(context, self);
      const body = { proxy, levels: { ...wanted }, for: time, ...reasonOf(self) };
      const answer = await client.logLevels(body);
      const { node, loggers, until } = answer;
      const name = node.replace(/^spiffe:\/\//, '');
      await print(context, formatOf(self), {
        value: answer,
        table: () =>
          until === undefined
            ? `${name}: ${loggers} loggers are as before\n`
            : `${name}: ${loggers} loggers changed; they go back ${relativeTime(until, context.clock.now())}\n`,
      });
    });
  examples(
    command,
    'proxy log-level example.org/cell/cell-1/service/api~a1b2c3 debug --for 5m',
    'proxy log-level example.org/cell/cell-1/service/api~a1b2c3 rbac=trace http=debug',
    'proxy log-level example.org/cell/cell-1/service/api~a1b2c3 --reset',
  );
  return prints(addConnectionFlags(command), object('node loggers', 'until'));
}

type Wanted = Readonly<Record<string, Level>>;

function readLevels(text: string, before: Wanted | undefined): Wanted {
  const [first = '', second] = text.split('=', 2);
  const logger = second === undefined ? everyLogger : first;
  const level = levels.find((one) => one === (second ?? first));
  if (level === undefined) throw new InvalidArgumentError(`LEVEL or LOGGER=LEVEL; levels: ${levels.join(', ')}`);
  if (logger !== everyLogger && !/^[a-z0-9_]{1,64}$/.test(logger))
    throw new InvalidArgumentError(`no logger ${JSON.stringify(logger)}`);
  return { ...before, [logger]: level };
}
