// `cellwall certs jwt`: tokens of identities that were issued.
import { Command } from 'commander';
import { clip } from '../../lib/clip.ts';
import { defined } from '../../lib/defined.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { isoTime, relativeTime } from '../output/time.ts';

interface Options {
  readonly identity?: string;
  readonly ended?: true;
}

/** Of columns. */
const [hostDigits, audienceLetters] = [12, 60];

export function certsJwtCommand(context: CliContext): Command {
  const command = new Command('jwt')
    .summary('list JWT-SVIDs')
    .description(
      'Lists the JWT-SVIDs that have not ended, the newest first: of which identity, for which audiences, and which host asked for each, ' +
        'from where. The serial is the "jti" of the token. The log is kept for a day after the end of each, 32 per host.',
    )
    .option('--identity <id>', 'only those of a service (name or cell/name) or a SPIFFE ID')
    .option('--ended', 'also those that have ended')
    .action(async ({ identity, ended }: Options, self: Command) => {
      const client = await connect(context, self);
      const wanted = { ...defined({ identity }), ...(ended === true && { ended: 'yes' as const }) };
      const { jwtSvids } = await client.jwtSvids(wanted);
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: jwtSvids,
        table: () =>
          formatTable(
            ['IDENTITY', 'AUDIENCE', 'SERIAL', 'ISSUED', 'ENDS', 'HOST', 'REQUESTER'],
            jwtSvids.map(({ spiffeId, audience, serial, issuedAt, expiresAt, nodeKey = '-', requester = '-' }) => [
              spiffeId,
              clip(audience.join(', '), audienceLetters),
              serial,
              isoTime(issuedAt),
              `${isoTime(expiresAt)} (${relativeTime(expiresAt, now)})`,
              nodeKey.slice(0, hostDigits),
              requester,
            ]),
          ),
      });
    });
  examples(command, 'certs jwt --identity cell-1/api', 'certs jwt --ended -o json');
  return prints(
    addConnectionFlags(command),
    array('serial key spiffeId audience issuedAt expiresAt', 'nodeKey requester'),
  );
}
