// `cellwall doctor`: what is wrong, and what to do: with the calls of one service to another; with somebody who gets no SVID.
import { Command } from 'commander';
import type { RefusedSvidRow } from '../../admin/wire-refused-svids.ts';
import { defined } from '../../lib/defined.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { relativeTime } from '../output/time.ts';

export function doctorCommand(context: CliContext): Command {
  const svid = new Command('svid')
    .summary('say why somebody gets no SVID')
    .description(
      'Lists who asked for an SVID within the last day and got none, and why: which selector came closest, and what of it did not match. ' +
        'Whoever asked is not told that. Exit 3 if there is any.',
    )
    .argument('[text]', 'only those with this text in the address, attestor, identity, node key or reason')
    .action(async (text: string | undefined, _options: object, self: Command) => {
      const client = await connect(context, self);
      const { refused } = await client.refusedSvids();
      const found = text === undefined ? refused : refused.filter((row) => isAbout(row, text));
      const now = context.clock.now();
      await print(context, formatOf(self), { value: found, table: () => formatRefused(found, now) });
      if (found.length > 0) context.finish(3);
    });
  examples(svid, 'doctor svid', 'doctor svid 10.0.0.7', 'doctor svid kubernetes -o json');
  const fields = array('by address code reason why count firstAt lastAt', 'attestor spiffeId nodeKey replica');
  const call = new Command('call')
    .summary('say why calls of one service to another fail')
    .description(
      'Reads the failing calls of one caller to one service: proxies, certificates and clocks of both sides, trust, endpoints, policy, ' +
        'what either sidecar answered lately, and the application. Says the likeliest cause first, and what to do. Exit 3 if there is ' +
        'one. The word `call` may be left out.',
    )
    .argument('<caller>', 'a service (name or cell/name), a SPIFFE ID, or anonymous, one-way-tls, legacy')
    .argument('<service>', 'a service (name or cell/name), or one of its ports (name:port)')
    .option('--port <name>', 'which port of the service, where it has several')
    .option('--method <method>', 'only about this HTTP method')
    .option('--path <path>', 'only about this HTTP path; default: that of the last call that failed')
    .option('--grpc <method>', 'gRPC method, as in package.Service/Method')
    .action(async (caller: string, target: string, options: CallOptions, self: Command) => {
      const { method, path, grpc, port } = options;
      if (grpc !== undefined && (method !== undefined || path !== undefined)) {
        self.error('error: give either --grpc, or --method and --path', { exitCode: 2 });
      }
      const client = await connect(context, self);
      const answer = await client.doctor({ caller, target, ...defined({ method, path, grpc, port }) });
      const { formatDiagnosis } = await import('../output/format-diagnosis.ts');
      await print(context, formatOf(self), { value: answer, table: () => formatDiagnosis(answer) });
      if (answer.verdict !== 'fine') context.finish(3);
    });
  examples(call, 'doctor web api', 'doctor web cell-1/api:rest --path /orders', 'doctor anonymous api -o json');
  const diagnosis = object('verdict caller target operation findings checked unseen', 'rule');
  return new Command('doctor')
    .summary('say why calls fail, and what to do')
    .description('Says what is wrong, and what to do.')
    .addCommand(prints(addConnectionFlags(call), diagnosis), { isDefault: true })
    .addCommand(prints(addConnectionFlags(svid), fields));
}

interface CallOptions {
  readonly port?: string;
  readonly method?: string;
  readonly path?: string;
  readonly grpc?: string;
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
