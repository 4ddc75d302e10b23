// `cellwall runner`: beside GitLab Runner, gives each job an identity of its own. Here the process that holds the runner's.
import { Command, InvalidArgumentError } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { attestOf } from '../flags/attest.ts';
import { addEnrolFlags, identityServers, joinToken } from '../flags/enrol.ts';
import { flag } from '../flags/environment.ts';
import { addLogLevelFlag, logLevel } from '../flags/log-level.ts';
import { wantedIdentity } from '../flags/wanted-identity.ts';
import { owner } from '../flags/workload-api.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatFields } from '../output/table.ts';
import { isoTime } from '../output/time.ts';
import type { ServeRunnerOptions } from '../run.ts';
import { closeJobCommand, openJobCommand, runDirFlag } from './runner-jobs.ts';

export function runnerCommand(context: CliContext): Command {
  return new Command('runner')
    .summary('give the jobs of a GitLab runner identities of their own')
    .description(
      "Gives each job of a GitLab runner a socket with SPIFFE's Workload API, and in it its own identity alone.",
    )
    .addCommand(serveCommand(context))
    .addCommand(openJobCommand(context))
    .addCommand(closeJobCommand(context));
}

interface ServeFlags {
  readonly dir: string;
  readonly runDir: string;
  readonly jobUsers?: { readonly from: number; readonly to: number };
  readonly containers?: true;
  readonly socketOwner?: { readonly uid: number; readonly gid: number };
}

function serveCommand(context: CliContext): Command {
  const command = new Command('serve')
    .summary("hold the runner's identity, and give jobs theirs")
    .description(
      'Runs beside GitLab Runner, with an identity of its own, until it is told to stop: then its jobs have none any more. ' +
        'Either --job-users or --containers says how jobs are kept apart.',
    )
    .requiredOption('--dir <dir>', "the directory for the runner's own certificate and key")
    .addOption(runDirFlag())
    .addOption(
      flag('--job-users <from-to>', 'numbers of users: each job that runs has one of its own; needs root', {
        env: 'CELLWALL_JOB_USERS',
        parse: users,
      }),
    )
    .addOption(
      flag('--containers', 'each job runs in a container, in which it finds its own folder alone', {
        env: 'CELLWALL_CONTAINERS',
      }),
    )
    .addOption(
      flag('--socket-owner <uid:gid>', 'with --containers: whose the sockets are, in numbers', {
        env: 'CELLWALL_SOCKET_OWNER',
        parse: owner,
        defaultText: 'this user',
      }),
    );
  addLogLevelFlag(addEnrolFlags(command, ['identity']));
  examples(
    command,
    'runner serve --spiffe-id spiffe://example.org/runner/5 --dir svid --token-file token --job-users 200000-200999',
  );
  prints(command, object('spiffeId notAfter files'));
  return command.action(async (options: ServeFlags, self: Command) => {
    const wanted = wantedIdentity(self);
    let printed = Promise.resolve();
    const code = await context.run.serveRunner(
      {
        wanted,
        token: joinToken(context, self, wanted),
        ...attestOf(self),
        identityServers: identityServers(self),
        directory: options.dir,
        runDir: options.runDir,
        separation: separationOf(options),
        logLevel: logLevel(self),
      },
      (svid) => {
        printed = print(context, formatOf(self), {
          value: svid,
          table: () =>
            formatFields([
              ['identity', svid.spiffeId],
              ['ends', isoTime(svid.notAfter)],
              ['jobs', options.runDir],
            ]),
        });
      },
    );
    await printed;
    context.finish(code);
  });
}

function separationOf({ jobUsers, containers, socketOwner }: ServeFlags): ServeRunnerOptions['separation'] {
  if ((jobUsers === undefined) === (containers !== true)) {
    throw new CellwallError('invalid_argument', 'either --job-users or --containers says how jobs are kept apart', {
      hint: 'jobs of one user reach each other’s identities: see docs/runners.md',
    });
  }
  if (jobUsers !== undefined && socketOwner === undefined) return { kind: 'users', ...jobUsers };
  if (jobUsers === undefined) return { kind: 'containers', ...defined({ owner: socketOwner }) };
  throw new CellwallError('invalid_argument', '--socket-owner needs --containers', {
    hint: 'with --job-users each socket belongs to the user of its job',
  });
}

const mostUser = 2 ** 32 - 2;

function users(text: string): NonNullable<ServeFlags['jobUsers']> {
  const [, first, last] = /^(\d{1,10})-(\d{1,10})$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (from >= 1 && from <= to && to <= mostUser) return { from, to };
  throw new InvalidArgumentError('two numbers of users, as in 200000-200999, which belong to nobody');
}
