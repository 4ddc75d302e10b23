// `cellwall node`: the hosts that joined, how, and their eviction.
import { Command } from 'commander';
import { readNodeId } from '../../lib/node-id.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { relativeTime } from '../output/time.ts';

/** Enough of a node key to identify it. */
const shown = 16;

export function nodeCommand(context: CliContext): Command {
  const list = new Command('list')
    .summary('list hosts')
    .description(
      'Lists the hosts that joined, by their node keys: the identity of each, when it last renewed, its proxies.',
    )
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const { hosts } = await client.hosts();
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: hosts,
        table: () =>
          formatTable(
            ['NODE KEY', 'IDENTITY', 'SEEN', 'PROXIES'],
            hosts.map(({ nodeKey, spiffeId, seenAt, proxies }) => [
              nodeKey.slice(0, shown),
              spiffeId,
              seenAt === 0 ? '-' : relativeTime(seenAt, now),
              proxies.length === 0 ? '-' : proxies.map((node) => readNodeId(node)?.instance ?? node).join(', '),
            ]),
          ),
      });
    });
  const evict = new Command('evict')
    .summary('evict a host')
    .description(
      'Refuses a host from now on: its node key, every SVID bound to it (copies, too), and its proxies, ' +
        'which stop being endpoints. Only a new join token brings it back, with a new node key. Other proxies ' +
        'accept its SVID until it expires.',
    )
    .argument(
      '<target>',
      'a node key (12 digits or more), a proxy named as in "cellwall status", or the serial of an SVID; ' +
        'or a service or SPIFFE ID, for all its hosts',
    )
    .addOption(reasonFlag())
    .action(async (target: string, _options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.evict(target, reasonOf(self));
      await print(context, formatOf(self), {
        value: answer,
        table: () =>
          `evicted ${answer.nodeKeys.map((nodeKey) => nodeKey.slice(0, shown)).join(', ')} (proxies: ${answer.proxies.length})\n`,
      });
    });
  const history = new Command('history')
    .summary('show how hosts proved themselves')
    .description(
      'Shows how and when hosts proved themselves, the newest first: the last eight times of each, for three months.',
    )
    .argument('[host]', 'only this one: the first digits of its node key')
    .action(async (host: string | undefined, _options: object, self: Command) => {
      const client = await connect(context, self);
      const { history: all } = await client.hostHistory();
      const those = all.filter(({ nodeKey }) => host === undefined || nodeKey.startsWith(host));
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: those,
        table: () =>
          formatTable(
            ['WHEN', 'NODE KEY', 'IDENTITY', 'BY', 'FROM'],
            those.map(({ at, nodeKey, spiffeId, attestor, values, token, address }) => {
              const proved = Object.entries(values).map(([name, value]) => ` ${name}=${value}`);
              const by = `${attestor}${token === undefined ? '' : ` ${token}`}${attestor === 'join-token' ? '' : proved.join('')}`;
              return [relativeTime(at, now), nodeKey.slice(0, shown), spiffeId, by, address];
            }),
          ),
      });
    });
  examples(evict, 'node evict 3f9a1c0de4b2', 'node evict spiffe://example.org/service/api~a1b2c3');
  return new Command('node')
    .summary('list the hosts that joined, or evict one')
    .description('Hosts: each has the node key that it joined with. Without a subcommand, lists them.')
    .addCommand(prints(addConnectionFlags(list), array('nodeKey spiffeId seenAt proxies')), { isDefault: true })
    .addCommand(prints(addConnectionFlags(history), array('nodeKey spiffeId attestor values address at', 'token')))
    .addCommand(prints(addConnectionFlags(evict), object('nodeKeys proxies')));
}
