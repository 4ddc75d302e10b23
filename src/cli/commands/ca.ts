// `cellwall ca`: the roots of the CA, and their rotation.
import { Command, Option } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { formatCa } from '../output/format-rotation.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';

interface RotateFlags {
  readonly compromised?: boolean;
  readonly abort?: boolean;
  readonly quiet?: string;
}

export function caCommand(context: CliContext): Command {
  const printed = object('roots intermediate', 'rotation last notReplaceable');
  const show = async (self: Command, answer: Parameters<typeof formatCa>[0]): Promise<void> =>
    print(context, formatOf(self), { value: answer, table: () => formatCa(answer, context.clock.now()) });
  const status = new Command('status')
    .summary('show the roots and their rotation')
    .description(
      'Shows every root that is trusted, when it ends and which one signs; and, while the root is being replaced, the ' +
        'phase and who holds it up.',
    )
    .action(async (_options: object, self: Command) => show(self, await (await connect(context, self)).ca()));
  const rotate = new Command('rotate')
    .summary('replace the root')
    .description(
      'Replaces the root of the CA, without cutting anybody off: a new root is made and given to everybody, signs, every ' +
        'certificate is renewed under it, and the old one is removed once nothing under it is in use. Returns at once; the ' +
        'control plane goes on by itself, also after a restart. "cellwall ca status" says how far it is, and who holds it up.',
    )
    .addOption(
      new Option(
        '--compromised',
        "the old root's key is in wrong hands: wait for nobody longer than five seconds a phase, and say who is cut off",
      ).conflicts(['abort', 'quiet']),
    )
    .addOption(
      new Option(
        '--quiet <duration>',
        'how long nothing under the old root must have been seen before it is removed; default: 10m',
      ),
    )
    .addOption(
      new Option('--abort', 'go back to the old root, as long as its key is there (up to the phase "renew")').conflicts(
        'quiet',
      ),
    )
    .addOption(reasonFlag())
    .action(async ({ compromised, abort, quiet }: RotateFlags, self: Command) => {
      const client = await connect(context, self);
      const why = reasonOf(self);
      if (abort) return show(self, await client.abortRotation(why));
      if (compromised && why.reason === undefined) {
        throw new CellwallError('invalid_argument', '--compromised may cut somebody off: give --reason', {
          hint: 'it is written to the audit log',
        });
      }
      return show(self, await client.rotateRoot({ ...defined({ compromised, quiet }), ...why }));
    });
  examples(rotate, 'ca rotate --reason "yearly"', 'ca rotate --abort');
  return new Command('ca')
    .summary('show the roots of the CA, or replace the root')
    .description('The roots of the CA. Without a subcommand, shows them.')
    .addCommand(prints(addConnectionFlags(status), printed), { isDefault: true })
    .addCommand(prints(addConnectionFlags(rotate), printed));
}
