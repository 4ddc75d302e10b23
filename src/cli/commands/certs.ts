// `cellwall certs`: issued certificates, and their renewal now.
import { Command, Option } from 'commander';
import type { IssuedCertificate } from '../../admin/wire-certificates.ts';
import type { RotateAnswer } from '../../admin/wire-identity.ts';
import { defined } from '../../lib/defined.ts';
import { readNodeId } from '../../lib/node-id.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { duration } from '../flags/number.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { isoTime, relativeTime } from '../output/time.ts';
import { certsJwtCommand } from './certs-jwt.ts';

interface ListOptions {
  readonly expiring?: string;
  readonly identity?: string;
  readonly ended?: true;
}

/** What it was given for: the evidence that it goes back to, and how it was asked for. */
function earnedBy({ how, attestor }: Pick<IssuedCertificate, 'how' | 'attestor'>): string {
  if (how === undefined || how === 'own') return '-';
  return attestor === undefined ? how : how === 'attested' ? attestor : `${attestor}, ${how}`;
}

export function certsCommand(context: CliContext): Command {
  const list = new Command('list')
    .summary('list certificates')
    .description(
      'Lists the certificates of the CA, and all issued ones that have not expired: what each is for, ' +
        'whose it is, when it expires, which proxy has it now, and what earned it. "cellwall certs" does the same. The log of what was ' +
        'issued is kept for a week after the end of each, 64 per host; -o json has all of it: the requester, and the chain.',
    )
    .addOption(
      new Option(
        '--expiring <duration>',
        'only those that end within this time, as in 24h, and have no successor: nobody renewed them',
      ).argParser(duration),
    )
    .option('--identity <id>', 'only those of a service (name or cell/name) or a SPIFFE ID')
    .option('--ended', 'also those that have ended')
    .action(async ({ expiring, identity, ended }: ListOptions, self: Command) => {
      const client = await connect(context, self);
      const wanted = { ...defined({ expiring, identity }), ...(ended === true && { ended: 'yes' as const }) };
      const { certificates } = await client.certificates(wanted);
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: certificates,
        table: () =>
          formatTable(
            ['PURPOSE', 'IDENTITY', 'SERIAL', 'ISSUED', 'ENDS', 'PROXY', 'EARNED BY'],
            certificates.map(
              ({ purpose, spiffeId, serial, notBefore, issuedAt = notBefore, notAfter, node, ...row }) => [
                purpose,
                spiffeId,
                serial,
                isoTime(issuedAt),
                `${isoTime(notAfter)} (${relativeTime(notAfter, now)})`,
                node === undefined ? '-' : (readNodeId(node)?.instance ?? node),
                earnedBy(row),
              ],
            ),
          ),
      });
    });
  const rotate = new Command('rotate')
    .summary('renew the certificates of proxies now')
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
  examples(list, 'certs --expiring 24h', 'certs --identity cell-1/api --ended -o json');
  examples(rotate, 'certs rotate cell-1/api');
  return new Command('certs')
    .summary('list certificates, or renew them')
    .description('Certificates of the CA, the control plane and workloads. Without a subcommand, lists them.')
    .addCommand(
      prints(
        addConnectionFlags(list),
        array(
          'purpose spiffeId serial notBefore notAfter',
          'node issuedAt how attestor requester nodeKey authority chain root',
        ),
      ),
      {
        isDefault: true,
      },
    )
    .addCommand(certsJwtCommand(context))
    .addCommand(prints(addConnectionFlags(rotate), object('rotated', 'silent')));
}

/** Whoever did not answer may have renewed none. */
function rotatedText({ rotated, silent = [] }: RotateAnswer): string {
  const rest = silent.map((replica) => `${replica} does not answer: run it again there, or when it does\n`).join('');
  return `rotated ${rotated}\n${rest}`;
}
