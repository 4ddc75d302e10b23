// `cellwall token`: join tokens, each for one identity.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { duration, uses } from '../flags/number.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import { addIdentityFlags, wantedIdentity } from '../flags/wanted-identity.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { relativeTime } from '../output/time.ts';

export function tokenCommand(context: CliContext): Command {
  const create = new Command('create')
    .summary('create a join token')
    .description(
      'Creates a join token for one identity: it can be used once, or by as many hosts as --uses says, and expires. ' +
        'Prints only the token.',
    )
    .addOption(
      flag('--ttl <duration>', 'how long it can be redeemed, 24h at most', { default: '10m', parse: duration }),
    )
    .addOption(flag('--uses <count>', 'how many hosts may redeem it, 1000 at most', { default: '1', parse: uses }))
    .addOption(reasonFlag())
    .action(async (options: { ttl: string; uses: number | string }, self: Command) => {
      const wanted = wantedIdentity(self);
      const client = await connect(context, self);
      const answer = await client.createToken({
        ...(wanted.kind === 'service' ? { service: wanted.ref } : { spiffeId: wanted.id }),
        ttl: options.ttl,
        uses: Number(options.uses),
        ...reasonOf(self),
      });
      await print(context, formatOf(self), { value: answer, table: () => `${answer.token}\n` });
      context.stderr.write(`for ${answer.spiffeId}, expires ${relativeTime(answer.expiresAt, context.clock.now())}\n`);
    });
  examples(create, 'token create --service cell-1/api --ttl 1h > token');
  prints(addConnectionFlags(addIdentityFlags(create)), object('token spiffeId expiresAt id'));
  const list = new Command('list')
    .summary('list join tokens')
    .description(
      'Lists the join tokens that have not ended: for whom, and how often each was redeemed. Never the tokens.',
    )
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const { tokens } = await client.tokens();
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: tokens,
        table: () =>
          formatTable(
            ['ID', 'IDENTITY', 'USED', 'EXPIRES', 'CREATED BY'],
            tokens.map(({ id, spiffeId, used, uses, expiresAt, author = '-' }) => [
              ...[id, spiffeId, `${used} of ${uses}`, relativeTime(expiresAt, now), author],
            ]),
          ),
      });
    });
  const revoke = new Command('revoke')
    .summary('revoke a join token')
    .description(
      'Revokes a join token: nobody redeems it any more. Hosts that joined with it stay; see "cellwall node".',
    )
    .argument('<id>', 'as "cellwall token list" shows it')
    .addOption(reasonFlag())
    .action(async (id: string, _options: object, self: Command) => {
      const client = await connect(context, self);
      const revoked = await client.revokeToken(id, reasonOf(self));
      await print(context, formatOf(self), {
        value: revoked,
        table: () => `revoked, redeemed by ${revoked.used} of ${revoked.uses}: ${revoked.id} for ${revoked.spiffeId}\n`,
      });
    });
  examples(revoke, 'token revoke 3f9a1c0de4b2');
  const fields = 'id spiffeId createdAt expiresAt uses used';
  return new Command('token')
    .summary('create, list and revoke join tokens')
    .description('Join tokens: a sidecar or a client exchanges one for its first identity.')
    .addCommand(create)
    .addCommand(prints(addConnectionFlags(list), array(fields, 'author')))
    .addCommand(prints(addConnectionFlags(revoke), object(fields, 'author')));
}
