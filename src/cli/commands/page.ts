// `cellwall page`: an address of the page that signs a browser in, once.
import { Command } from 'commander';
import { CellwallError } from '../../lib/errors.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { relativeTime } from '../output/time.ts';

export function pageCommand(context: CliContext): Command {
  const command = new Command('page')
    .summary('print an address that signs a browser in')
    .description(
      'Prints an address of the page that signs one browser in, with your rights, for eight hours. It works once, within a ' +
        'minute; no token is in it.',
    )
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const { code, expiresAt, page } = await client.sessionCode();
      const at = servedAt(self.opts()['admin'], page);
      const address = `${at}#code=${code}`;
      await print(context, formatOf(self), { value: { address, expiresAt }, table: () => `${address}\n` });
      context.stderr.write(`works once; expires ${relativeTime(expiresAt, context.clock.now())}\n`);
    });
  examples(command, 'page', 'page --admin 127.0.0.1:18080');
  return prints(addConnectionFlags(command), object('address expiresAt'));
}

/** Where the command found it, which may be a tunnel; over the socket, where it says itself. */
function servedAt(admin: unknown, page: string | undefined): string {
  if (page === undefined) {
    throw new CellwallError('unimplemented', 'this control plane does not serve the page', {
      hint: 'it was built without it: npm run build',
    });
  }
  if (typeof admin !== 'string' || admin.startsWith('unix:')) return page;
  return new URL('/', /^https?:/.test(admin) ? admin : `http://${admin}`).href;
}
