// `cellwall store export|import|migrate`: everything that a store holds, to a file, from one, or to a store of another kind.
import { Command, Option } from 'commander';
import { defined } from '../../lib/defined.ts';
import { escapeLine } from '../../lib/escape.ts';
import type { NamedValues } from '../../lib/named-options.ts';
import type { Moved, MoveOptions } from '../../serve/move-store.ts';
import { stores } from '../../store/catalog.ts';
import { flag } from '../flags/environment.ts';
import { parseNamedOption } from '../flags/named-option.ts';
import { defaultData } from '../flags/paths.ts';
import { addStoreFlags, type StoreFlags, storeOf } from '../flags/store.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';

interface Options extends StoreFlags {
  readonly data?: string;
  readonly replace?: true;
}

interface MigrateOptions extends Options {
  readonly toStore: string;
  readonly toOption?: NamedValues;
}

const moved = object('revision documents entries audit');

export function storeCommand(context: CliContext): Command {
  return new Command('store')
    .summary('move what a store holds to another one')
    .description(
      'Moves what a store holds: documents at their revision, history, and tables with when their entries end. No control plane ' +
        'may run on it meanwhile; calls go on. docs/redis.md says what is in a file.',
    )
    .addCommand(exportCommand(context))
    .addCommand(importCommand(context))
    .addCommand(migrateCommand(context));
}

function exportCommand(context: CliContext): Command {
  const command = common(new Command('export'))
    .summary('write everything to a file')
    .description('Writes everything that the store holds, and the audit log, to a file that only its owner can read.')
    .argument('<file>', 'the file to write')
    .option('--replace', 'overwrite the file if it exists')
    .action((file: string, options: Options, self: Command) =>
      move(context, self, options, {
        from: { kind: 'store', store: storeOf(options, self) },
        to: { kind: 'file', path: file },
      }),
    );
  examples(command, 'store export cellwall.export --documents mesh.d');
  return prints(command, moved);
}

function importCommand(context: CliContext): Command {
  const command = common(new Command('import'))
    .summary('read everything from a file')
    .description('Reads what `cellwall store export` wrote into a store, which must be empty.')
    .argument('<file>', 'the file to read')
    .option('--replace', 'remove what the store holds')
    .action((file: string, options: Options, self: Command) =>
      move(context, self, options, {
        from: { kind: 'file', path: file },
        to: { kind: 'store', store: storeOf(options, self) },
      }),
    );
  examples(command, 'store import cellwall.export --store redis --redis-url-file /run/secrets/redis-url');
  return prints(command, moved);
}

function migrateCommand(context: CliContext): Command {
  const command = common(new Command('migrate'))
    .summary('move everything to a store of another kind')
    .description('Copies everything from a store to another one, which must be empty. The first one stays as it is.')
    .addOption(
      new Option('--to-store <kind>', 'the kind of the other store').choices(Object.keys(stores)).makeOptionMandatory(),
    )
    .addOption(new Option('--to-option <name=value...>', 'options of that kind').argParser(parseNamedOption))
    .option('--replace', 'remove what the other store holds')
    .action((options: MigrateOptions, self: Command) => {
      const to = { kind: 'store', store: { kind: options.toStore, options: options.toOption ?? {} } } as const;
      return move(context, self, options, { from: { kind: 'store', store: storeOf(options, self) }, to });
    });
  examples(command, 'store migrate --documents mesh.d --to-store redis --to-option url=redis://redis:6379');
  return prints(command, moved);
}

function common(command: Command): Command {
  return addStoreFlags(command).addOption(
    flag('--data <dir>', 'the data directory of the control plane: its keys seal what is moved', {
      env: 'CELLWALL_DATA',
      defaultText: '~/.local/state/cellwall',
    }),
  );
}

async function move(
  context: CliContext,
  command: Command,
  { data, replace, storeSealKey, bootstrapSecret }: Options,
  places: Pick<MoveOptions, 'from' | 'to'>,
): Promise<void> {
  const done = await context.run.moveStore({
    ...places,
    data: data ?? defaultData(context),
    replace: replace === true,
    ...defined({ storeSealKey, bootstrapSecret }),
  });
  await print(context, formatOf(command), { value: done, table: () => told(done, places) });
}

function told({ revision, documents, entries, audit }: Moved, { to }: Pick<MoveOptions, 'from' | 'to'>): string {
  const where = to.kind === 'file' ? escapeLine(to.path) : `the store "${to.store.kind}"`;
  const log = audit === 0 ? '' : `, ${audit} records of the audit log`;
  return `${documents} documents at revision ${revision}, ${entries} entries of tables${log}: now in ${where}\n`;
}
