// `cellwall history`: the last revisions, who changed what.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../connection.ts';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../print.ts';
import { formatTable } from '../table.ts';
import { relativeTime } from '../time.ts';

const shown = 3;

export function historyCommand(context: CliContext): Command {
  const command = new Command('history')
    .summary('show the last revisions')
    .description('Lists the last revisions, newest first: when, who, and which documents.')
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.history();
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: answer,
        table: () =>
          formatTable(
            ['REVISION', 'WHEN', 'BY', 'CHANGED'],
            answer.revisions.map(({ revision, at, author, changed }) => [
              String(revision),
              relativeTime(at, now),
              author ?? 'outside',
              [
                ...changed.slice(0, shown).map(({ key, op }) => `${op} ${key}`),
                ...(changed.length > shown ? [`and ${changed.length - shown} more`] : []),
              ].join(', '),
            ]),
          ),
      });
    });
  return addConnectionFlags(command);
}
