// `cellwall import grpc-access`: turns what the service's own descriptors say about who may call which gRPC method into documents, and
// compares that with what is in force.
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { escapeBlock, escapeLine } from '../../lib/escape.ts';
import type { PolicySource } from '../../model/documents/authorization-policy.ts';
import { parseSpiffeId, spiffePrefixSchema } from '../../model/spiffe-id.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { readDocuments } from '../flags/read-documents.ts';
import { readFile } from '../flags/read-file.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { printError } from '../output/print-failure.ts';
import { object, prints } from '../output/prints.ts';
import type { NamedText } from '../output/problems.ts';
import { unifiedDiff } from '../output/unified-diff.ts';

interface Options {
  readonly descriptor: string;
  readonly service: string;
  readonly cellsAs: string;
  readonly routersAs?: string[];
  readonly adminsAs?: string[];
  readonly field: string;
  readonly file?: string[];
  readonly out: string;
}

export function importCommand(context: CliContext): Command {
  const command = new Command('grpc-access')
    .summary('make policies from the access_control option of gRPC methods')
    .description(
      'Makes an AuthorizationPolicy, and the descriptors that its rules need, from a FileDescriptorSet ' +
        'whose methods have the option gitlab.cells.topology_service.access_control. Exit 3 if an earlier ' +
        'import is in force (or in -f) and differs.',
    )
    .requiredOption('--descriptor <file>', 'FileDescriptorSet, made by `protoc --include_imports -o` or `buf build -o`')
    .option('--service <ref>', 'the service that has these methods (name or cell/name)', 'topology')
    .option('--cells-as <name>', 'the service that calls on behalf of a cell: this name, in each cell', 'gitlab')
    .option('--routers-as <who...>', 'routers: services, SPIFFE IDs, or prefixes that end in "/"')
    .option('--admins-as <who...>', 'administrators, the same way')
    .option('--field <name>', "the request's field with the number of its cell", 'cell_id')
    .option('-f, --file <path...>', 'compare with these files or directories of YAML, without a control plane')
    .option('--out <file>', 'where to write the documents; - is standard output', '-')
    .action(async (options: Options, self: Command) => {
      const format = formatOf(self);
      const { importGrpcAccess } = await import('../../policy/resolve/import-grpc-access.ts');
      const found = importGrpcAccess(readFile(options.descriptor), {
        cellService: options.cellsAs,
        routers: (options.routersAs ?? []).map(sourceOf),
        admins: (options.adminsAs ?? []).map(sourceOf),
        field: options.field,
      });
      for (const note of found.notes) context.stderr.write(`note: ${escapeLine(note)}\n`);
      if (found.faults.length > 0) {
        for (const fault of found.faults) context.stderr.write(`error: ${escapeLine(fault)}\n`);
        await printError(context, format, { code: 'invalid_documents', message: found.faults.join('; ') });
        return context.finish(3);
      }
      const texts =
        options.file === undefined
          ? (await (await connect(context, self)).documents()).documents.map(({ source: { file }, text }) => ({
              file,
              text,
            }))
          : await readDocuments(context, options.file);
      const { importedDocuments } = await import('../imported-documents.ts');
      const changes = importedDocuments(texts satisfies readonly NamedText[], options.service, found);
      const text = changes.map(({ after }) => after).join('---\n');
      if (options.out !== '-') writeFileSync(options.out, text);
      if (format === 'json') {
        const documents = changes.map(({ key, before, after }) => ({
          key,
          after,
          ...defined({ before }),
        }));
        await print(context, format, { value: { documents, notes: found.notes }, table: () => '' });
      } else if (options.out === '-') context.stdout.write(text);
      const drifted = changes.filter(({ before, after }) => before !== undefined && before !== after);
      for (const { key, before, after } of drifted) context.stderr.write(escapeBlock(unifiedDiff(key, before, after)));
      if (drifted.length > 0) context.finish(3);
    });
  examples(command, 'import grpc-access --descriptor topology.binpb --routers-as http-router --out access.yaml');
  prints(command, object('documents notes'));
  return new Command('import').summary('import documents from other sources').addCommand(addConnectionFlags(command));
}

function sourceOf(who: string): PolicySource {
  if (!who.startsWith('spiffe:')) return { service: who };
  if (who.endsWith('/') && spiffePrefixSchema.safeParse(who).success) return { prefix: who };
  const spiffeId = parseSpiffeId(who);
  if (spiffeId === undefined) throw new CellwallError('invalid_argument', `not a SPIFFE ID: ${JSON.stringify(who)}`);
  return { spiffeId };
}
