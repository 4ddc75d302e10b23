// `cellwall token create`: a join token for one identity.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { duration } from '../flags/number.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import { addIdentityFlags, wantedIdentity } from '../flags/wanted-identity.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { relativeTime } from '../output/time.ts';

export function tokenCommand(context: CliContext): Command {
  const create = new Command('create')
    .summary('create a join token')
    .description('Creates a join token for one identity: it can be used once, and expires. Prints only the token.')
    .addOption(
      flag('--ttl <duration>', 'how long it can be redeemed, 24h at most', { default: '10m', parse: duration }),
    )
    .addOption(reasonFlag())
    .action(async (options: { ttl: string }, self: Command) => {
      const wanted = wantedIdentity(self);
      const client = await connect(context, self);
      const answer = await client.createToken({
        ...(wanted.kind === 'service' ? { service: wanted.ref } : { spiffeId: wanted.id }),
        ttl: options.ttl,
        ...reasonOf(self),
      });
      await print(context, formatOf(self), { value: answer, table: () => `${answer.token}\n` });
      context.stderr.write(`for ${answer.spiffeId}, expires ${relativeTime(answer.expiresAt, context.clock.now())}\n`);
    });
  examples(create, 'token create --service cell-1/api --ttl 1h > token');
  prints(addConnectionFlags(addIdentityFlags(create)), object('token spiffeId expiresAt'));
  return new Command('token')
    .summary('create join tokens')
    .description('Join tokens: a sidecar or a client exchanges one for its first identity.')
    .addCommand(create);
}
