// `cellwall validate`: documents, offline: each by itself, and how they fit together.
import { Command } from 'commander';
import { readDocuments } from '../flags/read-documents.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { countProblems, printProblems } from '../output/problems.ts';

interface Options {
  readonly file?: string[];
  readonly onto?: string;
  readonly envoy?: true;
  readonly allowProxyCode?: true;
}

export function validateCommand(context: CliContext): Command {
  const command = new Command('validate')
    .summary('check documents, without a control plane')
    .description('Checks documents, without a control plane: each by itself, and all together. Exit 3 if invalid.')
    .argument('[path...]', 'files or directories of YAML; - is standard input (default: cellwall)')
    .option('-f, --file <path...>', 'files or directories, same as the argument')
    .option(
      '--onto <dir>',
      'check them as a change to the documents in this directory: each replaces the one with the same key',
    )
    .option('--allow-proxy-code', 'as for serve: EnvoyResource documents may contain Lua, Wasm and other code')
    .option(
      '--envoy',
      'also check the configuration of each service with a real Envoy (ENVOY_BIN, or the one that is found)',
    )
    .action(async (paths: string[], options: Options, self: Command) => {
      const files = await readDocuments(context, options.file ?? (paths.length === 0 ? undefined : paths));
      const base = options.onto === undefined ? [] : await readDocuments(context, [options.onto]);
      const { checkFiles } = await import('../check-files.ts');
      const { documents, problems: first, mesh } = checkFiles(files, base);
      const askEnvoy = options.envoy === true;
      const rights = options.allowProxyCode === true ? ({ allowProxyCode: true } as const) : {};
      const wanted = mesh !== undefined && (mesh.rawResources !== undefined || askEnvoy);
      const inspection = wanted ? await context.run.inspect({ documents, mesh, askEnvoy, ...rights }) : undefined;
      const problems = [...first, ...(inspection?.problems ?? [])];
      const valid = !problems.some((problem) => problem.severity === 'error');
      const format = formatOf(self);
      if (format === 'table') printProblems(context, problems, [...base, ...files]);
      await print(context, format, {
        value: { valid, documents: documents.map((item) => item.key), problems },
        table: () => {
          const count = countProblems(problems);
          const told = `${documents.length} ${documents.length === 1 ? 'document' : 'documents'}`;
          const asked = inspection?.asked ?? 0;
          const envoys =
            asked === 0 ? '' : `, ${asked} ${asked === 1 ? 'configuration' : 'configurations'} accepted by Envoy`;
          if (valid) return `valid: ${told}${envoys}${count === '' ? '' : `, ${count}`}\n`;
          return `invalid: ${count}\n`;
        },
      });
      if (!valid) context.finish(3);
    });
  examples(command, 'validate mesh.d', 'validate --onto mesh.d new.yaml');
  return prints(command, object('valid documents problems'));
}
