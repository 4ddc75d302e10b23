// `cellwall doctor`: what is wrong, and what to do. So far: why somebody gets no SVID.
import { Command } from 'commander';
import type { RefusedSvidRow } from '../../admin/wire-refused-svids.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { relativeTime } from '../output/time.ts';

export function doctorCommand(context: CliContext): Command {
  const svid = new Command('svid')
    .summary('say why somebody gets no SVID')
    .description(
      'Lists who asked for an SVID within the last day and got none, and why: which selector came closest, and what of it did not match. ' +
        'Whoever asked is not told that. Exit 3 if there is any.',
    )
    .argument('[text]', 'only those with this text in the address, attestor, identity, node key or reason')
    .action(async (text: string | undefined, _options: object, self: Command) => {
      const client = await connect(context, self);
      const { refused } = await client.refusedSvids();
      const found = text === undefined ? refused : refused.filter((row) => isAbout(row, text));
      const now = context.clock.now();
      await print(context, formatOf(self), { value: found, table: () => formatRefused(found, now) });
      if (found.length > 0) context.finish(3);
    });
  examples(svid, 'doctor svid', 'doctor svid 10.0.0.7', 'doctor svid kubernetes -o json');
  const fields = array('by address code reason why count firstAt lastAt', 'attestor spiffeId nodeKey replica');
  return new Command('doctor')
    .summary('say what is wrong')
    .description('Says what is wrong, and what to do.')
    .addCommand(prints(addConnectionFlags(svid), fields));
}

function isAbout(
  { address, attestor = '', spiffeId = '', nodeKey = '', reason, why }: RefusedSvidRow,
  text: string,
): boolean {
  return [address, attestor, spiffeId, nodeKey, reason, ...why].some((one) => one.includes(text));
}

function formatRefused(refused: readonly RefusedSvidRow[], now: number): string {
  if (refused.length === 0) return 'nobody who asked for an SVID was refused within the last day\n';
  return formatTable(
    ['LAST', 'TIMES', 'FROM', 'WITH', 'WHO', 'WHY'],
    refused.flatMap((row) => {
      const { by, address, attestor, spiffeId, nodeKey, reason, why, count, lastAt } = row;
      const who = spiffeId ?? (nodeKey === undefined ? '-' : `node key ${nodeKey.slice(0, 16)}`);
      const first = [
        relativeTime(lastAt, now),
        String(count),
        address,
        by === 'renew' ? 'an SVID' : (attestor ?? '-'),
        who,
        reason,
      ];
      return [first, ...why.map((line) => ['', '', '', '', '', `  ${line}`])];
    }),
  );
}
