// `cellwall doctor`: what is wrong, and what to do: with the mesh; with the calls of one service to another; with an SVID.
import { Command } from 'commander';
import type { AdminClient } from '../../admin/client.ts';
import type { DiagnosisAnswer } from '../../admin/wire-doctor.ts';
import { defined } from '../../lib/defined.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { doctorSvidCommand } from './doctor-svid.ts';

export function doctorCommand(context: CliContext): Command {
  const call = new Command('call')
    .summary('say what is wrong in the mesh, or why calls of one service to another fail')
    .description(
      'With a caller and a service: reads the failing calls of the two: proxies, certificates and clocks of both sides, trust, ' +
        'endpoints, policy, what either sidecar answered lately, and the application. Says the likeliest cause first, and what to do. ' +
        'Without: what is wrong right now with the control plane, with services, and with any calls, the worst first. Exit 3 if ' +
        'something is, 6 if nothing was found and not enough could be looked at. The word `call` may be left out.',
    )
    .argument('[caller]', 'a service (name or cell/name), a SPIFFE ID, or anonymous, one-way-tls, legacy')
    .argument('[service]', 'a service (name or cell/name), or one of its ports (name:port)')
    .option('--port <name>', 'which port of the service, where it has several')
    .option('--method <method>', 'only about this HTTP method')
    .option('--path <path>', 'only about this HTTP path; default: that of the last call that failed')
    .option('--grpc <method>', 'gRPC method, as in package.Service/Method')
    .action(async (caller: string | undefined, target: string | undefined, options: CallOptions, self: Command) => {
      const { method, path, grpc, port } = options;
      if (grpc !== undefined && (method !== undefined || path !== undefined)) {
        self.error('error: give either --grpc, or --method and --path', { exitCode: 2 });
      }
      const asked = [method, path, grpc, port].some((one) => one !== undefined);
      if ((caller === undefined && asked) || (caller !== undefined && target === undefined)) {
        self.error('error: give a caller and a service, as in "cellwall doctor web api"', { exitCode: 2 });
      }
      const client = await connect(context, self);
      if (caller === undefined || target === undefined) return end(await ofMesh(client, self));
      const answer = await client.doctor({ caller, target, ...defined({ method, path, grpc, port }) });
      const { formatDiagnosis } = await import('../output/format-diagnosis.ts');
      await print(context, formatOf(self), { value: answer, table: () => formatDiagnosis(answer) });
      end(answer.verdict);
    });
  examples(
    call,
    'doctor',
    'doctor web api',
    'doctor web cell-1/api:rest --path /orders',
    'doctor anonymous api -o json',
  );
  const diagnosis = object('verdict findings checked unseen', 'caller target operation rule omitted');
  return new Command('doctor')
    .summary('say why calls fail, and what to do')
    .description('Says what is wrong, and what to do.')
    .addCommand(prints(addConnectionFlags(call), diagnosis), { isDefault: true })
    .addCommand(doctorSvidCommand(context));

  async function ofMesh(client: AdminClient, self: Command): Promise<DiagnosisAnswer['verdict']> {
    const answer = await client.doctorMesh();
    const { formatMeshDiagnosis } = await import('../output/format-diagnosis.ts');
    await print(context, formatOf(self), { value: answer, table: () => formatMeshDiagnosis(answer) });
    return answer.verdict;
  }

  function end(verdict: DiagnosisAnswer['verdict']): void {
    if (verdict === 'broken' || verdict === 'failing') context.finish(3);
    if (verdict === 'unknown') context.finish(6);
  }
}

interface CallOptions {
  readonly port?: string;
  readonly method?: string;
  readonly path?: string;
  readonly grpc?: string;
}
