// `cellwall doctor`: what is wrong, and what to do: with the calls of one service to another; with somebody who gets no SVID.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { doctorSvidCommand } from './doctor-svid.ts';

export function doctorCommand(context: CliContext): Command {
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
    .addCommand(doctorSvidCommand(context));
}

interface CallOptions {
  readonly port?: string;
  readonly method?: string;
  readonly path?: string;
  readonly grpc?: string;
}
