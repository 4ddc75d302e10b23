// `cellwall admin-token`: who may call the admin API, besides whoever has the token of the data folder.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { duration } from '../flags/number.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { isoTime, relativeTime } from '../output/time.ts';

interface CreateOptions {
  readonly role: 'scraper' | 'viewer' | 'editor' | 'admin';
  readonly rawResources?: true;
  readonly ttl: string;
}

const fields = 'name role rawResources createdAt expiresAt author';

export function adminTokenCommand(context: CliContext): Command {
  const create = new Command('create')
    .summary('create a token of the admin API')
    .description(
      'Creates a token of the admin API for one person or program. Its name is the author in the history ' +
        'and the audit log. Prints only the token, and only once: it cannot be read again.',
    )
    .argument('<name>', 'lower-case letters, digits and hyphens: ann, ci-deploy')
    .addOption(
      flag(
        '--role <role>',
        'scraper: metrics only; viewer: read only; editor: also change documents; admin: everything, identities and tokens included',
        {
          choices: ['scraper', 'viewer', 'editor', 'admin'],
        },
      ).makeOptionMandatory(),
    )
    .option(
      '--raw-resources',
      'also grants the right to change EnvoyResource documents; you need that right yourself to give it',
    )
    .addOption(flag('--ttl <duration>', 'how long it is valid, 366d at most', { default: '90d', parse: duration }))
    .addOption(reasonFlag())
    .action(async (name: string, { role, rawResources, ttl }: CreateOptions, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.createNamedToken({
        ...{ name, role, ttl, rawResources: rawResources === true },
        ...reasonOf(self),
      });
      await print(context, formatOf(self), { value: answer, table: () => `${answer.token}\n` });
      context.stderr.write(
        `${answer.role}${answer.rawResources ? ' with raw resources' : ''}, expires ` +
          `${relativeTime(answer.expiresAt, context.clock.now())}; used with --admin-token-file\n`,
      );
    });
  examples(create, 'admin-token create ci-deploy --role editor --ttl 30d > token');
  const list = new Command('list')
    .summary('list the tokens of the admin API')
    .description(
      'Lists the named tokens of the admin API that have not expired. The token of the data folder has no name.',
    )
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const { tokens } = await client.namedTokens();
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: tokens,
        table: () =>
          formatTable(
            ['NAME', 'ROLE', 'RAW', 'EXPIRES', 'MADE', 'BY'],
            tokens.map(({ name, role, rawResources, createdAt, expiresAt, author }) => [
              name,
              role,
              rawResources ? 'yes' : 'no',
              `${isoTime(expiresAt)} (${relativeTime(expiresAt, now)})`,
              isoTime(createdAt),
              author,
            ]),
          ),
      });
    });
  const revoke = new Command('revoke')
    .summary('revoke a token of the admin API')
    .description('Refuses a named token from now on, also on open connections. Its name can be used again.')
    .argument('<name>', 'as "cellwall admin-token list" shows it')
    .addOption(reasonFlag())
    .action(async (name: string, _options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.revokeNamedToken(name, reasonOf(self));
      await print(context, formatOf(self), { value: answer, table: () => `revoked ${answer.revoked}\n` });
    });
  return new Command('admin-token')
    .summary('create, list and revoke tokens of the admin API')
    .description('Tokens of the admin API, each with a name and a role. Without a subcommand, lists them.')
    .addCommand(prints(addConnectionFlags(list), array(fields)), { isDefault: true })
    .addCommand(prints(addConnectionFlags(create), object(`token ${fields}`)))
    .addCommand(prints(addConnectionFlags(revoke), object('revoked')));
}
