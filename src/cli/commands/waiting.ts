// `cellwall waiting`: what is not in force because it waits for approval.
import { Command } from 'commander';
import type { WaitingAnswer } from '../../admin/wire-waiting.ts';
import { escapeLine } from '../../lib/escape.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { formatDifferences } from '../output/format-differences.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { relativeTime } from '../output/time.ts';

const maxReasons = 5;

export function waitingCommand(context: CliContext): Command {
  const command = new Command('waiting')
    .summary('list changes that wait for approval')
    .description(
      'Lists what is valid, but not in force until somebody approves it: who wrote it, why it waits, and the texts. Each ' +
        'has a name (REV) that is bound to these texts and reasons: if they change, the name is another one.',
    )
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.waiting();
      const now = context.clock.now();
      await print(context, formatOf(self), { value: answer, table: () => format(answer, now) });
    });
  examples(command, 'waiting', 'approve REV');
  return prints(addConnectionFlags(command), object('revision waiting', 'all'));
}

function format({ all, waiting }: WaitingAnswer, now: number): string {
  if (waiting.length === 0) return 'nothing waits for approval\n';
  const table = formatTable(
    ['REV', 'SINCE', 'BY', 'CHANGES'],
    waiting.map(({ rev, since, author, changes }) => [...[rev, relativeTime(since, now), author], countOf(changes)]),
  );
  const each = waiting.map(({ rev, reasons, changes }) => {
    const shown = reasons.slice(0, maxReasons).map((reason) => `  ${escapeLine(reason)}\n`);
    const more = reasons.length > maxReasons ? [`  and ${reasons.length - maxReasons} more reasons (-o json)\n`] : [];
    const keys = changes.length === 1 ? [] : changes.map(({ op, key }) => `  ${op} ${escapeLine(key)}\n`);
    return [`\n${rev} waits:\n`, ...shown, ...more, ...keys, formatDifferences(changes)].join('');
  });
  const last = waiting.length > 1 && all !== undefined ? [`\nall of them: cellwall approve ${all}\n`] : [];
  return [table, ...each, ...last].join('');
}

/** One is named; of several, how many of each kind. */
function countOf(changes: WaitingAnswer['waiting'][number]['changes']): string {
  const [only] = changes;
  if (only !== undefined && changes.length === 1) return `${only.op} ${only.key}`;
  const kinds = [...new Set(changes.map(({ op }) => op))];
  return kinds.map((kind) => `${kind} ${changes.filter(({ op }) => op === kind).length}`).join(', ');
}
