// `cellwall get`: the documents in force, and what was generated from them for a proxy.
import { Command } from 'commander';
import { escapeBlock } from '../../lib/escape.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { type KeyPattern, parseKeyPattern } from '../flags/document-key.ts';
import type { CliContext } from '../io.ts';
import { formatSent } from '../output/format-sent.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';

export function getCommand(context: CliContext): Command {
  const command = new Command('get')
    .summary('show documents, or what a proxy was sent')
    .description(
      'Lists the documents in force, or shows one as YAML. With -o yaml, prints all that match, comments ' +
        'included. "get envoy PROXY" shows what that proxy was sent, and the documents behind each resource: ' +
        'with -o json or yaml the full resources, keys as [redacted].',
    )
    .argument('[kind/name]', 'Kind, Kind/name or Kind/cell/name; or envoy', parseWanted)
    .argument('[proxy]', 'with envoy: a proxy, named as in "cellwall status"')
    .action(async (wanted: Wanted | undefined, proxy: string | undefined, _options: object, self: Command) => {
      if (wanted === 'envoy' && proxy === undefined) {
        self.error('error: get envoy needs the name of a proxy: "cellwall status" lists them', { exitCode: 2 });
      }
      if (wanted !== 'envoy' && proxy !== undefined) {
        self.error('error: one argument too many: only "get envoy" takes a proxy', { exitCode: 2 });
      }
      const client = await connect(context, self);
      const format = formatOf(self);
      if (wanted === 'envoy') {
        const sent = await client.envoy(proxy ?? '');
        await print(context, format, { value: sent, table: () => formatSent(sent) });
        return;
      }
      const pattern = wanted;
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
  examples(
    command,
    'get',
    'get service/cell-1/api',
    'get -o yaml > mesh.yaml',
    'get envoy example.org/cell/cell-1/service/api~a1b2c3 -o json',
  );
  return prints(addConnectionFlags(command), object('revision', 'documents key kind text source node resources'));
}

type Wanted = KeyPattern | 'envoy';

function parseWanted(text: string): Wanted {
  return text.toLowerCase() === 'envoy' ? 'envoy' : parseKeyPattern(text);
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
