// `cellwall simulate`: a change evaluated against the recorded traffic, before anybody is denied.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { duration } from '../flags/number.ts';
import { readDocuments } from '../flags/read-documents.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { printInvalid } from '../output/print-failure.ts';
import { object, prints } from '../output/prints.ts';

export function simulateCommand(context: CliContext): Command {
  const command = new Command('simulate')
    .summary('show how a change would affect the recorded calls')
    .description(
      'Replays the recorded traffic against a change: who would newly be denied, who newly allowed, how ' +
        'often and when last seen. Calls that the record cannot decide are counted separately. Exit 3 if ' +
        'anybody would newly be denied, or the files are invalid.',
    )
    .requiredOption('-f, --file <path...>', 'files or directories of YAML; - is standard input')
    .addOption(flag('--since <duration>', 'how far to look back', { default: '7d', parse: duration }))
    .action(async (options: { file: string[]; since: string }, self: Command) => {
      const files = await readDocuments(context, options.file);
      const client = await connect(context, self);
      const answer = await client.simulate({ files: [...files], since: options.since });
      const format = formatOf(self);
      if (answer.kind === 'invalid') {
        await printInvalid(context, format, answer, { files, outcome: 'no decision possible' });
        context.finish(3);
        return;
      }
      const { formatSimulation } = await import('../output/format-simulation.ts');
      await print(context, format, { value: answer, table: () => formatSimulation(answer, context.clock.now()) });
      if (answer.totals.newlyDenied > 0) context.finish(3);
    });
  examples(command, 'simulate -f api.yaml --since 24h');
  return prints(
    addConnectionFlags(command),
    object('kind revision since replayed newlyDenied newlyAllowed cannotTell totals incomplete notCrossChecked'),
  );
}
