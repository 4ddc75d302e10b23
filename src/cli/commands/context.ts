// `cellwall context`: names for control planes, and which of them is meant.
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';
import { type Context, changeContexts, contextNamed, faultOf, isContextName, readContexts } from '../contexts.ts';
import { contextOption } from '../flags/connection.ts';
import { chosenContext } from '../flags/context.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { array, object, prints } from '../output/prints.ts';
import { formatFields, formatTable } from '../output/table.ts';

export function contextCommand(context: CliContext): Command {
  return new Command('context')
    .summary('name control planes, and choose which one is meant')
    .description(
      'Names for control planes, in contexts.json of $XDG_CONFIG_HOME/cellwall (~/.config/cellwall), which nobody else may read. A ' +
        'context says where a control plane is, and where the token or SVID for it is; it holds neither, and is taken whole. The ' +
        'first of these decides: flags (--admin, …); --context; CELLWALL_CONTEXT; the variables of those flags (CELLWALL_ADMIN, …); ' +
        'what "context use" chose; the control plane of this host. What joins or runs on a host (sidecar, svid fetch) uses none.',
    )
    .addCommand(addCommand(context))
    .addCommand(useCommand(context))
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(removeCommand(context));
}

interface AddOptions extends Context {
  readonly use?: true;
  readonly replace?: true;
}

function addCommand(io: CliContext): Command {
  const command = new Command('add')
    .summary('add a context')
    .description(
      'Adds a context: where the control plane is, and one of: a file with a token, an SVID, its data folder on this host.',
    )
    .argument('<name>', 'letters, digits, ".", "_", "@" and "-"', parseName)
    .option('--admin <address>', 'address of its admin API: host:port, unix:<path> or https://…')
    .option('--admin-token-file <file>', 'a file that contains its token')
    .option('--admin-svid <dir>', "an operator's SVID, the directory written by svid fetch")
    .option('--data <dir>', 'its data directory, if it is on this host')
    .option('--use', 'and use it from now on')
    .option('--replace', 'also if there is one of that name')
    .action(async (name: string, options: AddOptions, self: Command) => {
      const path = (text: string | undefined): string | undefined => (text === undefined ? undefined : resolve(text));
      const { admin, adminTokenFile, adminSvid, data, use, replace } = options;
      const added: Context = defined({
        admin,
        adminTokenFile: path(adminTokenFile),
        adminSvid: path(adminSvid),
        data: path(data),
      });
      const fault = faultOf(added);
      if (fault !== undefined) self.error(`error: ${fault}`, { exitCode: 2, code: 'commander.missingArgument' });
      if (admin !== undefined) await checkAddress(admin);
      if (adminSvid !== undefined && !/^https:/.test(admin ?? ''))
        self.error(needsTls, { exitCode: 2, code: 'commander.invalidArgument' });
      await changeContexts(io, ({ current, contexts }) => {
        if (contexts.has(name) && replace !== true) {
          throw new CellwallError('already_exists', `there is a context ${JSON.stringify(name)}`, {
            hint: 'give --replace, or another name',
          });
        }
        return { ...defined({ current: use === true ? name : current }), contexts: new Map(contexts).set(name, added) };
      });
      await show(io, self, { name, current: readContexts(io).current === name, ...added });
    });
  examples(
    command,
    'context add prod --admin https://cellwall.example.com:18080 --admin-token-file ~/.secrets/cellwall-prod --use',
    'context add here --data /var/lib/cellwall',
  );
  return prints(command, shown);
}

function useCommand(io: CliContext): Command {
  const command = new Command('use')
    .summary('choose the context that is used where nothing else is said')
    .argument('[name]', 'its name', parseName)
    .option('--none', 'none: the control plane of this host')
    .action(async (name: string | undefined, { none }: { readonly none?: true }, self: Command) => {
      if ((name === undefined) !== (none === true)) {
        self.error('error: give a name, or --none', { exitCode: 2, code: 'commander.missingArgument' });
      }
      await changeContexts(io, (before) => {
        if (name === undefined) return { contexts: before.contexts };
        contextNamed(before, name);
        return { current: name, contexts: before.contexts };
      });
      await print(io, formatOf(self), {
        value: name === undefined ? {} : { current: name },
        table: () => (name === undefined ? 'no context is in use\n' : `context ${name} is in use\n`),
      });
    });
  examples(command, 'context use prod', 'context use --none');
  return prints(command, object('', 'current'));
}

function listCommand(io: CliContext): Command {
  const command = new Command('list').summary('list contexts').action(async (_options: object, self: Command) => {
    const { current, contexts } = readContexts(io);
    const rows = [...contexts].map(([name, context]) => ({ name, current: name === current, ...context }));
    await print(io, formatOf(self), {
      value: rows,
      table: () =>
        formatTable(
          ['NAME', 'IN USE', 'ADMIN API', 'PROOF'],
          rows.map((row) => [row.name, row.current ? 'yes' : '', row.admin ?? "its data folder's", proofOf(row)]),
        ),
    });
  });
  return prints(command, array('name current', 'admin adminTokenFile adminSvid data'));
}

function showCommand(io: CliContext): Command {
  const command = new Command('show')
    .summary('show a context: that which commands work with now')
    .argument('[name]', 'or this one', parseName)
    .addOption(contextOption())
    .action(async (name: string | undefined, _options: object, self: Command) => {
      const chosen = name === undefined ? chosenContext(io, self) : undefined;
      const contexts = readContexts(io);
      const found = name === undefined ? chosen?.name : name;
      if (found === undefined) {
        throw new CellwallError('not_found', 'no context is in use: flags, variables and this host decide', {
          hint: 'cellwall context use NAME',
        });
      }
      const { current } = contexts;
      await show(
        io,
        self,
        { name: found, current: found === current, ...contextNamed(contexts, found) },
        chosen?.chosenBy,
      );
    });
  return prints(command, object('name current', 'admin adminTokenFile adminSvid data chosenBy'));
}

function removeCommand(io: CliContext): Command {
  const command = new Command('remove')
    .summary('remove a context')
    .argument('<name>', 'its name', parseName)
    .action(async (name: string, _options: object, self: Command) => {
      let wasCurrent = false;
      await changeContexts(io, (before) => {
        contextNamed(before, name);
        wasCurrent = before.current === name;
        const contexts = new Map(before.contexts);
        contexts.delete(name);
        return { ...defined({ current: wasCurrent ? undefined : before.current }), contexts };
      });
      const more = wasCurrent ? ', which was in use: none is now' : '';
      await print(io, formatOf(self), { value: { removed: name }, table: () => `removed context ${name}${more}\n` });
    });
  return prints(command, object('removed'));
}

interface Row extends Context {
  readonly name: string;
  readonly current: boolean;
}

const shown = object('name current', 'admin adminTokenFile adminSvid data');

async function show(io: CliContext, self: Command, row: Row, chosenBy?: string): Promise<void> {
  await print(io, formatOf(self), {
    value: { ...row, ...defined({ chosenBy }) },
    table: () =>
      formatFields([
        ['context', row.name],
        ['in use', row.current ? 'yes' : 'no'],
        ['admin API', row.admin ?? "its data folder's"],
        ['proof', proofOf(row)],
        ...(chosenBy === undefined ? [] : [['chosen by', chosenBy] as const]),
      ]),
  });
}

function proofOf({ adminTokenFile, adminSvid, data }: Context): string {
  if (adminSvid !== undefined) return `SVID in ${adminSvid}`;
  return adminTokenFile === undefined ? `token of ${data ?? ''}` : `token in ${adminTokenFile}`;
}

/** The words of the client itself, before anything is written. */
async function checkAddress(url: string): Promise<void> {
  const { createAdminClient } = await import('../../admin/client.ts');
  createAdminClient({ url, token: new Redacted('') });
}

const needsTls = 'error: an SVID is a credential for TLS: --admin https://HOST:PORT';

function parseName(text: string): string {
  if (isContextName(text)) return text;
  throw new InvalidArgumentError('letters, digits, ".", "_", "@" and "-", 63 at most, a letter or digit first');
}
