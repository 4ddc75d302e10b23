// `cellwall explain`: may this caller do this, and what decides it; of the control plane, or offline of files.
import { Command } from 'commander';
import type { ExplainQuery, Explanation } from '../../admin/wire.ts';
import { addConnectionFlags, connect } from '../connection.ts';
import { flag } from '../environment.ts';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../print.ts';
import { countProblems, printProblems } from '../problems.ts';
import { readDocuments } from '../read-documents.ts';

interface Options {
  readonly method?: string;
  readonly path?: string;
  readonly grpc?: string;
  readonly offline?: true;
  readonly file?: string[];
  readonly expect?: 'allowed' | 'refused';
}

export function explainCommand(context: CliContext): Command {
  const command = new Command('explain')
    .summary('may A call B, and why')
    .description('Says whether a caller may do something with a service, and which rule and line decide it.')
    .argument('<caller>', 'a service (name or cell/name), a SPIFFE ID, or anonymous, one-way-tls, legacy')
    .argument('<target>', 'a service (name or cell/name)')
    .option('--method <method>', 'HTTP method (default: GET)')
    .option('--path <path>', 'HTTP path (default: /)')
    .option('--grpc <method>', 'gRPC method, as in package.Service/Method')
    .option('--offline', 'decide from files (-f), without a control plane')
    .option('-f, --file <path...>', 'with --offline: files or directories of YAML (default: cellwall)')
    .addOption(flag('--expect <decision>', 'exit 3 unless this is the decision', { choices: ['allowed', 'refused'] }))
    .action(async (caller: string, target: string, options: Options, self: Command) => {
      const { method, path, grpc } = options;
      if (grpc !== undefined && (method !== undefined || path !== undefined)) {
        self.error('error: --grpc stands for --method and --path: give one or the other', { exitCode: 2 });
      }
      const query: ExplainQuery = {
        caller,
        target,
        ...(method === undefined ? {} : { method: method.toUpperCase() }),
        ...(path === undefined ? {} : { path }),
        ...(grpc === undefined ? {} : { grpc }),
      };
      const offline = options.offline === true || options.file !== undefined;
      const answer = offline
        ? await explainOffline(context, options.file ?? ['cellwall'], query)
        : await (await connect(context, self)).explain(query);
      if (answer === undefined) return;
      const { formatExplanation } = await import('../format-explanation.ts');
      await print(context, formatOf(self), { value: answer, table: () => formatExplanation(answer, query) });
      const decided = answer.undecidable === undefined ? answer.decision : undefined;
      if (options.expect !== undefined && options.expect !== decided) context.finish(3);
    });
  return addConnectionFlags(command);
}

async function explainOffline(
  context: CliContext,
  paths: readonly string[],
  query: ExplainQuery,
): Promise<Explanation | undefined> {
  const files = await readDocuments(context, paths);
  const { checkFiles } = await import('../check-files.ts');
  const { mesh, problems } = checkFiles(files);
  printProblems(context, problems, files);
  if (mesh === undefined) {
    context.stderr.write(`${countProblems(problems)}: nothing can be decided\n`);
    context.finish(3);
    return undefined;
  }
  const { answerExplain } = await import('../../admin/answer-explain.ts');
  return answerExplain(mesh, query);
}
