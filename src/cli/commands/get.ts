// `cellwall get`: the documents in force.
import { Command } from 'commander';
import { escapeBlock } from '../../lib/escape.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { type KeyPattern, parseKeyPattern } from '../flags/document-key.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';

export function getCommand(context: CliContext): Command {
  const command = new Command('get')
    .summary('show documents')
    .description('Lists the documents in force, or shows one as YAML. With -o yaml all that match, comments included.')
    .argument('[kind/name]', 'Kind, Kind/name or Kind/cell/name', parseKeyPattern)
    .action(async (pattern: KeyPattern | undefined, _options: object, self: Command) => {
      const client = await connect(context, self);
      const format = formatOf(self);
      if (pattern?.name !== undefined) {
        const found = await client.document(`${pattern.kind}/${pattern.name}`);
        if (format === 'json') await print(context, format, { value: found, table: () => '' });
        else context.stdout.write(withNewline(escapeBlock(found.text)));
        return;
      }
      const { revision, documents } = await client.documents(pattern?.kind);
      if (format === 'yaml') {
        context.stdout.write(documents.map((item) => withNewline(escapeBlock(item.text))).join('---\n'));
        return;
      }
      await print(context, format, {
        value: { revision, documents },
        table: () =>
          formatTable(
            ['KEY', 'FROM'],
            documents.map(({ key, source }) => [key, `${source.file}:${source.line}`]),
          ),
      });
    });
  examples(command, 'get', 'get service/cell-1/api', 'get -o yaml > mesh.yaml');
  return prints(addConnectionFlags(command), object('revision', 'documents key kind text source'));
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
