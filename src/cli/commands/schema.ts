// `cellwall schema`: the JSON schema of the documents, for editors.
import { Command } from 'commander';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../output/print.ts';
import { prints } from '../output/prints.ts';

export function schemaCommand(context: CliContext): Command {
  const command = new Command('schema')
    .summary('print the JSON schema of the documents')
    .description('Prints the JSON schema of the documents, for editors and other tools.')
    .action(async (_options: object, self: Command) => {
      const { documentJsonSchema } = await import('../../model/json-schema.ts');
      const format = formatOf(self);
      await print(context, format === 'table' ? 'json' : format, { value: documentJsonSchema(), table: () => '' });
    });
  return prints(command, { kind: 'other', what: 'a JSON schema' });
}
