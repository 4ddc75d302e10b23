// `cellwall ban` and `cellwall unban`: throw somebody out, at once and everywhere, and let him in again.
import { Command } from 'commander';
import type { BanBody, BansAnswer } from '../../admin/wire-bans.ts';
import { CellwallError } from '../../lib/errors.ts';
import { escapeLine } from '../../lib/escape.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { relativeTime } from '../output/time.ts';

type Ban = BansAnswer['bans'][number];

/** Enough of a node key to identify it. */
const shown = 16;

export function banCommand(context: CliContext): Command {
  const list = new Command('list')
    .summary('list who is banned')
    .description('Lists who is banned, by whom and why, and which proxies do not refuse all of them yet.')
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.bans();
      const now = context.clock.now();
      await print(context, formatOf(self), { value: answer, table: () => formatBans(answer, now) });
    });
  const ban = withTarget(new Command('add'))
    .summary('ban an identity, or one host of it')
    .description(
      'Bans an identity, or one host of it: it gets no certificate and no configuration, its streams to the control plane are closed, ' +
        'callers are not sent to it, and every proxy refuses it, whatever the rules say: its next request at once, and what it has open ' +
        'within 5 s. It lasts until "cellwall unban", also across restarts. A proxy that is away refuses it as soon as it is back.',
    )
    .action(async (identity: string | undefined, _options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.ban(targetOf(identity, self));
      const { proxies } = answer;
      await print(context, formatOf(self), {
        value: answer,
        table: () => `banned ${nameOf(answer.ban)} (proxies: ${proxies.length})\n`,
      });
      context.stderr.write('"cellwall ban list" says which proxies do not refuse it yet\n');
    });
  examples(ban, 'ban spiffe://example.org/service/api --reason "key stolen"', 'ban --node 3f9a1c0de4b2', 'ban list');
  prints(addConnectionFlags(list), object('bans waiting'));
  prints(addConnectionFlags(ban), object('ban proxies'));
  return new Command('ban')
    .summary('throw out an identity, or one host of it')
    .description('Bans. Without a subcommand, adds one: "cellwall ban IDENTITY".')
    .addCommand(ban, { isDefault: true })
    .addCommand(list);
}

export function unbanCommand(context: CliContext): Command {
  const unban = withTarget(new Command('unban'))
    .summary('lift a ban')
    .description('Lifts a ban: with the evidence or the node key that it had, it is let in again, by itself.')
    .action(async (identity: string | undefined, _options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.unban(targetOf(identity, self));
      await print(context, formatOf(self), {
        value: answer,
        table: () => (answer.ban === undefined ? 'it was not banned\n' : `no longer banned: ${nameOf(answer.ban)}\n`),
      });
    });
  examples(unban, 'unban spiffe://example.org/service/api', 'unban --node 3f9a1c0de4b2');
  return prints(addConnectionFlags(unban), object('lifted', 'ban'));
}

function withTarget(command: Command): Command {
  return command
    .argument('[identity]', 'a SPIFFE ID, or a service; everybody who has it')
    .addOption(
      flag('--serial <serial>', 'the host that this certificate was issued to, and every other of its certificates'),
    )
    .addOption(
      flag('--node <host>', 'one host: its node key (12 digits or more), or a proxy named as in "cellwall status"'),
    )
    .addOption(reasonFlag());
}

function targetOf(identity: string | undefined, command: Command): BanBody {
  const { serial, node }: { readonly serial?: string; readonly node?: string } = command.opts();
  const given = [identity, serial, node].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw new CellwallError('invalid_argument', 'give one of an identity, --serial and --node', {
      hint: '"cellwall node list" shows hosts, "cellwall certs" serials',
    });
  }
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(serial === undefined ? {} : { serial: serial.replaceAll(':', '').toLowerCase() }),
    ...(node === undefined ? {} : { node: /^[^/:~]+\/.*~|^[^/:]+~/.test(node) ? `spiffe://${node}` : node }),
    ...reasonOf(command),
  };
}

function nameOf({ target, spiffeId }: Ban): string {
  if (target.kind === 'identity') return target.spiffeId;
  return `host ${target.nodeKey.slice(0, shown)}${spiffeId === undefined ? '' : ` of ${spiffeId}`}`;
}

function formatBans({ bans, waiting }: BansAnswer, now: number): string {
  if (bans.length === 0) return 'nobody is banned\n';
  const rows = bans.map((ban) => [
    nameOf(ban),
    relativeTime(ban.at, now),
    ban.from === 'parent' ? `${ban.author}, at the parent` : ban.author,
    ban.until > now ? 'proxies and control plane' : 'control plane (its certificates have ended)',
    ban.reason ?? '-',
  ]);
  const where =
    waiting.length === 0
      ? 'every proxy refuses them\n'
      : `not yet at ${waiting.length} of the proxies: ${waiting.map(escapeLine).join(', ')}\n`;
  return `${formatTable(['BANNED', 'SINCE', 'BY', 'REFUSED BY', 'REASON'], rows)}${where}`;
}
