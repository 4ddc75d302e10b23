// `cellwall history`: the last revisions, who changed what.
import { Command } from 'commander';
import type { HistoryAnswer } from '../../admin/wire-record.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { isoTime, relativeTime } from '../output/time.ts';

const shown = 3;

export function historyCommand(context: CliContext): Command {
  const command = new Command('history')
    .summary('show the last revisions')
    .description(
      'Lists the last revisions, newest first: when, who, why, which documents; and which of them were ' +
        'rollbacks, cut-overs forced despite the gate, or edits from outside (a file, not an apply); and which are ' +
        'kept as last good states.',
    )
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.history();
      const now = context.clock.now();
      const withReasons = answer.revisions.some(({ reason }) => reason !== undefined);
      await print(context, formatOf(self), {
        value: answer,
        table: () =>
          answer.revisions.length === 0
            ? `revision ${answer.revision}: nothing has changed since it was first read\n`
            : formatTable(
                ['REVISION', 'WHEN', 'BY', 'WHAT', 'CHANGED', ...(withReasons ? ['REASON'] : [])],
                answer.revisions.map(({ revision, at, author, changed, reason, ...kind }) => [
                  String(revision),
                  `${isoTime(at)} (${relativeTime(at, now)})`,
                  author ?? '-',
                  whatOf(kind),
                  [
                    ...changed.slice(0, shown).map(({ key, op }) => `${op} ${key}`),
                    ...(changed.length > shown ? [`and ${changed.length - shown} more`] : []),
                  ].join(', '),
                  ...(withReasons ? [reason ?? '-'] : []),
                ]),
              ),
      });
    });
  return prints(addConnectionFlags(command), object('revision revisions'));
}

type Kind = Pick<
  HistoryAnswer['revisions'][number],
  'kind' | 'to' | 'forced' | 'confirmed' | 'approvedBy' | 'provenAt'
>;

function whatOf({ kind, to, forced = [], confirmed = [], approvedBy, provenAt }: Kind): string {
  return [
    kind === 'rollback' ? `rollback to ${to}` : kind === 'outside' ? 'edit from outside' : 'apply',
    ...(approvedBy === undefined ? [] : [`approved by ${approvedBy}`]),
    ...(forced.length === 0 ? [] : [`forced: ${forced.join(' ')}`]),
    ...(confirmed.length === 0 ? [] : [`confirmed: ${confirmed.join(' ')}`]),
    ...(provenAt === undefined ? [] : ['last good']),
  ].join(', ');
}
