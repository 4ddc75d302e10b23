// `cellwall doctor svid`: what is wrong with an SVID that somebody has, in a file, a folder or at a Workload API; or who got none, and why.
import { Command } from 'commander';
import type { RefusedSvidRow } from '../../admin/wire-refused-svids.ts';
import type { SvidReport } from '../../doctor/svid/svid-report.ts';
import { defined } from '../../lib/defined.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { readAll } from '../flags/read-documents.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { relativeTime } from '../output/time.ts';

interface SvidFlags {
  readonly about?: string;
  readonly key?: string;
  readonly bundle?: string;
  readonly audience?: string;
  readonly trustDomain?: string;
}

export function doctorSvidCommand(context: CliContext): Command {
  const command = new Command('svid')
    .summary('say what is wrong with an SVID, or why somebody gets none')
    .description(
      'With a place: reads the certificate (or JWT-SVID) there, says everything that is wrong with it (its dates, SPIFFE ID, trust ' +
        'domain, key, chain, root; algorithm, audience and key of a token), and what to do. Asks no control plane. Without: lists who ' +
        'asked for an SVID within the last day and got none, and why: which selector came closest, and what of it did not match. ' +
        'Exit 3 if anything is wrong, 6 if not all could be looked at.',
    )
    .argument(
      '[place]',
      'a file (- is standard input), a folder of "svid fetch" or of a sidecar, or unix:/path of a Workload API',
    )
    .option('--key <file>', 'its private key, PEM; default: key.pem beside svid.pem')
    .option(
      '--bundle <file>',
      'the roots, PEM, or a SPIFFE bundle as JSON (for tokens, too); default: bundle.pem beside svid.pem',
    )
    .option('--trust-domain <name>', 'the trust domain that it should be of; default: any')
    .option('--audience <audience>', 'for whom a JWT-SVID should be; at a Workload API one is fetched for it')
    .option(
      '--about <text>',
      'without a place: only those with this text in the address, attestor, identity, node key or reason',
    )
    .action(async (place: string | undefined, flags: SvidFlags, self: Command) => {
      if (place !== undefined) return look(place, flags, self);
      return list(flags.about, self);
    });
  examples(
    command,
    'doctor svid',
    'doctor svid --about 10.0.0.7',
    'doctor svid /var/lib/client',
    'doctor svid svid.pem --key key.pem --bundle bundle.pem',
    'doctor svid unix:/run/api/spiffe.sock --audience db -o json',
  );
  return prints(addConnectionFlags(command), object('verdict', 'svids refused'));

  async function look(place: string, flags: SvidFlags, self: Command): Promise<void> {
    if (flags.about !== undefined) self.error('error: --about is for the list without a place', { exitCode: 2 });
    const { key, bundle, audience, trustDomain } = flags;
    const { lookAtPlace } = await import('../svid-places.ts');
    const { formatSvids } = await import('../output/format-svids.ts');
    const question = { place, ...defined({ key, bundle, audience, trustDomain }) };
    const now = context.clock.now();
    const svids = await lookAtPlace(question, { now, stdin: () => readAll(context.stdin) });
    const verdict = worst(svids);
    await print(context, formatOf(self), { value: { verdict, svids }, table: () => formatSvids(svids, now) });
    if (verdict === 'broken') context.finish(3);
    if (verdict === 'unknown') context.finish(6);
  }

  async function list(text: string | undefined, self: Command): Promise<void> {
    const client = await connect(context, self);
    const { refused } = await client.refusedSvids();
    const found = text === undefined ? refused : refused.filter((row) => isAbout(row, text));
    const now = context.clock.now();
    const verdict = found.length > 0 ? 'broken' : 'fine';
    await print(context, formatOf(self), {
      value: { verdict, refused: found },
      table: () => formatRefused(found, now),
    });
    if (found.length > 0) context.finish(3);
  }
}

function worst(svids: readonly SvidReport[]): SvidReport['verdict'] {
  const verdicts = svids.map(({ verdict }) => verdict);
  return verdicts.includes('broken') ? 'broken' : verdicts.includes('unknown') ? 'unknown' : 'fine';
}

function isAbout(
  { address, attestor = '', spiffeId = '', nodeKey = '', reason, why }: RefusedSvidRow,
  text: string,
): boolean {
  return [address, attestor, spiffeId, nodeKey, reason, ...why].some((one) => one.includes(text));
}

function formatRefused(refused: readonly RefusedSvidRow[], now: number): string {
  if (refused.length === 0) return 'nobody who asked for an SVID was refused within the last day\n';
  return formatTable(
    ['LAST', 'TIMES', 'FROM', 'WITH', 'WHO', 'WHY'],
    refused.flatMap((row) => {
      const { by, address, attestor, spiffeId, nodeKey, reason, why, count, lastAt } = row;
      const who = spiffeId ?? (nodeKey === undefined ? '-' : `node key ${nodeKey.slice(0, 16)}`);
      const first = [
        relativeTime(lastAt, now),
        String(count),
        address,
        by === 'renew' ? 'an SVID' : (attestor ?? '-'),
        who,
        reason,
      ];
      return [first, ...why.map((line) => ['', '', '', '', '', `  ${line}`])];
    }),
  );
}
