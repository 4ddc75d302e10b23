// `cellwall certs`: issued certificates, and their renewal now.
import { Command } from 'commander';
import type { RotateAnswer } from '../../admin/wire-identity.ts';
import { readNodeId } from '../../lib/node-id.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { isoTime, relativeTime } from '../output/time.ts';

export function certsCommand(context: CliContext): Command {
  const list = new Command('list')
    .summary('list certificates')
    .description(
      'Lists the certificates of the CA, and all issued ones that have not expired: what each is for, ' +
        'whose it is, when it expires, and which proxy has it now. "cellwall certs" does the same.',
    )
    .action(async (_options: object, self: Command) => {
      const client = await connect(context, self);
      const { certificates } = await client.certificates();
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: certificates,
        table: () =>
          formatTable(
            ['PURPOSE', 'IDENTITY', 'SERIAL', 'ISSUED', 'ENDS', 'PROXY'],
            certificates.map(({ purpose, spiffeId, serial, notBefore, notAfter, node }) => [
              purpose,
              spiffeId,
              serial,
              isoTime(notBefore),
              `${isoTime(notAfter)} (${relativeTime(notAfter, now)})`,
              node === undefined ? '-' : (readNodeId(node)?.instance ?? node),
            ]),
          ),
      });
    });
  const rotate = new Command('rotate')
    .summary('renew pushed certificates now')
    .description(
      'Renews the certificates that the control plane pushes to proxies, now: those of one identity, or all.',
    )
    .argument('[identity]', 'a service (name or cell/name) or a SPIFFE ID; default: all')
    .addOption(reasonFlag())
    .action(async (selector: string | undefined, _options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.rotate(selector, reasonOf(self));
      await print(context, formatOf(self), { value: answer, table: () => rotatedText(answer) });
    });
  examples(rotate, 'certs rotate cell-1/api');
  return new Command('certs')
    .summary('list certificates, or renew them')
    .description('Certificates of the CA, the control plane and workloads. Without a subcommand, lists them.')
    .addCommand(prints(addConnectionFlags(list), array('purpose spiffeId serial notBefore notAfter', 'node')), {
      isDefault: true,
    })
    .addCommand(prints(addConnectionFlags(rotate), object('rotated', 'silent')));
}

/** Whoever did not answer may have renewed none. */
function rotatedText({ rotated, silent = [] }: RotateAnswer): string {
  const rest = silent.map((replica) => `${replica} does not answer: run it again there, or when it does\n`).join('');
  return `rotated ${rotated}\n${rest}`;
}
