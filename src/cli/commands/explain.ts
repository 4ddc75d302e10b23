// `cellwall explain`: may this caller do this, and what decides it; answered by the control plane, or offline from files.

import { Command } from 'commander';
import type { ExplainQuery, Explanation } from '../../admin/wire.ts';
import { defined } from '../../lib/defined.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { readDocuments } from '../flags/read-documents.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { printInvalid } from '../output/print-failure.ts';
import { object, prints } from '../output/prints.ts';
import { countProblems, printProblems } from '../output/problems.ts';

interface Options {
  readonly method?: string;
  readonly path?: string;
  readonly grpc?: string;
  readonly port?: string;
  readonly cellId?: string;
  readonly request?: string;
  readonly offline?: true;
  readonly file?: string[];
  readonly expect?: Verdict;
}

export function explainCommand(context: CliContext): Command {
  const command = new Command('explain')
    .summary('say whether A may call B, and why')
    .description('Says whether a caller may do something with a service, and which rule and line decide it.')
    .argument(
      '[caller]',
      'a service (name or cell/name), a SPIFFE ID, or anonymous, one-way-tls, legacy, or jwt:<issuer>,aud=<audience>,<claim>=<text>; ' +
        'one with an identity and a token: web+jwt:<issuer>,aud=<audience>,…',
    )
    .argument('[target]', 'a service (name or cell/name), or one of its ports (name:port)')
    .option('--port <name>', 'which port of the target, where it has several')
    .addOption(flag('--method <method>', 'HTTP method', { defaultText: 'GET' }))
    .addOption(flag('--path <path>', 'HTTP path', { defaultText: '/' }))
    .option('--grpc <method>', 'gRPC method, as in package.Service/Method')
    .option('--cell-id <number>', 'with --grpc: the cell number in the request, for matchingCell rules')
    .option(
      '--request <id>',
      'instead of caller and target: why this request was denied, or failed; the id is in its answer',
    )
    .option('--offline', 'decide from files (-f), without a control plane')
    .addOption(
      flag('-f, --file <path...>', 'with --offline: files or directories of YAML; - is standard input', {
        defaultText: 'cellwall',
      }),
    )
    .addOption(flag('--expect <decision>', 'exit 3 if the decision is not this', { choices: ['allowed', 'denied'] }))
    .action(async (caller: string | undefined, target: string | undefined, options: Options, self: Command) => {
      const { method, path, grpc, port, cellId, request } = options;
      const offline = options.offline === true || options.file !== undefined;
      if (request !== undefined && (caller !== undefined || offline)) {
        self.error('error: --request cannot be combined with other options, and needs the control plane', {
          exitCode: 2,
        });
      }
      if (request === undefined && (caller === undefined || target === undefined)) {
        // -f takes all that follows it.
        const taken = (options.file?.length ?? 0) > 1;
        const hint = `\n  hint: -f took ${options.file?.join(' ')} as files: put caller and target before it`;
        self.error(`error: give a caller and a target, or --request${taken ? hint : ''}`, { exitCode: 2 });
      }
      if (grpc !== undefined && (method !== undefined || path !== undefined)) {
        self.error('error: give either --grpc, or --method and --path', { exitCode: 2 });
      }
      const query: ExplainQuery = {
        caller: caller ?? '',
        target: target ?? '',
        ...(method === undefined ? {} : { method: method.toUpperCase() }),
        ...defined({ path, grpc, port, cellId }),
      };
      const answer = offline
        ? await explainOffline(context, self, options.file, query)
        : request === undefined
          ? await (await connect(context, self)).explain(query)
          : await (await connect(context, self)).explainRequest(request);
      if (answer === undefined) return;
      const { formatExplanation } = await import('../output/format-explanation.ts');
      await print(context, formatOf(self), { value: answer, table: () => formatExplanation(answer, query) });
      const decided = answer.undecidable === undefined ? answer.decision : undefined;
      if (options.expect !== undefined && options.expect !== decided) context.finish(3);
    });
  examples(
    command,
    'explain web cell-1/api --method POST --path /orders',
    'explain anonymous api',
    'explain web topology-service:rest --path /api/v1/cells',
    'explain --request 4b0c5a52-8a3e-4d0c-9f43-0f2a37c1b6d1',
  );
  return prints(
    addConnectionFlags(command),
    object(
      'decision stage reason caller target protocol mtls document source chain notes',
      'port callerService path rule undecidable remedy enforced recorded',
    ),
  );
}

async function explainOffline(
  context: CliContext,
  command: Command,
  paths: readonly string[] | undefined,
  query: ExplainQuery,
): Promise<Explanation | undefined> {
  const files = await readDocuments(context, paths);
  const { checkFiles } = await import('../check-files.ts');
  const { mesh, problems } = checkFiles(files);
  if (mesh === undefined) {
    const message = `${countProblems(problems)}: no decision possible`;
    const outcome = 'no decision possible';
    await printInvalid(context, formatOf(command), { problems, message }, { files, outcome });
    context.finish(3);
    return undefined;
  }
  printProblems(context, problems, files);
  const { answerExplain } = await import('../../admin/answer-explain.ts');
  return answerExplain(mesh, query);
}
