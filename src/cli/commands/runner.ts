// `cellwall runner`: beside GitLab Runner, gives each job an identity of its own: the process that holds the runner's, and what the driver
// of a custom executor runs at the beginning and the end of a job.
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { escapeLine } from '../../lib/escape.ts';
import { formatSocketPath } from '../../lib/socket-path.ts';
import { type RunnersJob, readJobResponse } from '../../sidecar/runner/job-response.ts';
import { attestOf } from '../flags/attest.ts';
import { addEnrolFlags, identityServers, joinToken } from '../flags/enrol.ts';
import { flag } from '../flags/environment.ts';
import { addLogLevelFlag, logLevel } from '../flags/log-level.ts';
import { readFile } from '../flags/read-file.ts';
import { wantedIdentity } from '../flags/wanted-identity.ts';
import { owner } from '../flags/workload-api.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatFields } from '../output/table.ts';
import { isoTime } from '../output/time.ts';
import type { OpenedJob, ServeRunnerOptions } from '../run.ts';

export function runnerCommand(context: CliContext): Command {
  return new Command('runner')
    .summary('give the jobs of a GitLab runner identities of their own')
    .description(
      "Gives each job of a GitLab runner a socket with SPIFFE's Workload API, and in it its own identity alone.",
    )
    .addCommand(serveCommand(context))
    .addCommand(openCommand(context))
    .addCommand(closeCommand(context));
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

interface JobFlags {
  readonly runDir: string;
  readonly response?: string;
  readonly tokenVariable: string;
  readonly buildsDir?: string;
}

function openCommand(context: CliContext): Command {
  const command = new Command('open')
    .summary("in a runner's driver, before a job: give it its identity")
    .description(
      "For the driver of GitLab Runner's custom executor: its config_exec. What -o json prints is what GitLab Runner expects of that. " +
        'A job that asks for no identity, or is refused one, runs without.',
    );
  addJobFlags(command)
    .addOption(
      flag('--token-variable <name>', 'under which name the job has its id_token', {
        env: 'CELLWALL_TOKEN_VARIABLE',
        default: 'CELLWALL_ID_TOKEN',
      }),
    )
    .option('--builds-dir <dir>', 'print a builds_dir for this job alone, below this one');
  examples(command, 'runner open -o json');
  prints(command, object('job job_env', 'user socket spiffeId reason builds_dir'));
  return command.action(async ({ runDir, buildsDir, ...flags }: JobFlags, self: Command) => {
    const { job, opened } = await openedJob(context, runDir, responseOf(flags), flags.tokenVariable);
    const { user, socket, spiffeId, reason } = opened;
    if (reason !== undefined) context.stderr.write(`job ${job} has no identity: ${escapeLine(reason)}\n`);
    const path = socket === undefined ? undefined : formatSocketPath(socket);
    const builds = buildsDir === undefined ? {} : { builds_dir: join(buildsDir, job) };
    // For the driver's later stages. GitLab Runner takes texts alone.
    const job_env = {
      CELLWALL_JOB_ID: job,
      ...(path !== undefined && { CELLWALL_JOB_SOCKET: path }),
      ...(user !== undefined && { CELLWALL_JOB_USER: String(user) }),
    };
    await print(context, formatOf(self), {
      value: { job, ...defined({ user, socket: path, spiffeId, reason }), ...builds, job_env },
      table: () =>
        formatFields([
          ['job', job],
          ['user', user === undefined ? '-' : String(user)],
          ['identity', spiffeId ?? '-'],
          ['socket', path ?? '-'],
        ]),
    });
  });
}

/** Whatever is wrong with its token: the job runs without an identity, under a user of its own. */
async function openedJob(
  context: CliContext,
  runDir: string,
  response: string,
  variable: string,
): Promise<{ readonly job: string; readonly opened: OpenedJob }> {
  const read = (): { readonly known: RunnersJob; readonly reason?: string } => {
    try {
      return { known: readJobResponse(response, variable) };
    } catch (cause) {
      const { code, message } = CellwallError.from(cause);
      if (code !== 'permission_denied') throw cause;
      return { known: readJobResponse(response), reason: message };
    }
  };
  const { known, reason } = read();
  const opened = await context.run.openJob({ runDir, ...known });
  return { job: known.job, opened: { ...opened, ...defined({ reason: reason ?? opened.reason }) } };
}

interface CloseFlags extends JobFlags {
  readonly keepUser?: true;
}

function closeCommand(context: CliContext): Command {
  const command = new Command('close')
    .summary("in a runner's driver, after a job: its identity ends")
    .description(
      "For the driver of GitLab Runner's custom executor, twice in its cleanup_exec: with --keep-user at the beginning, without it " +
        'when no process and no file of the job is left.',
    );
  addJobFlags(command).option('--keep-user', 'no other job is given its user before it is closed without this');
  examples(command, 'runner close --keep-user');
  prints(command, object('job closed'));
  return command.action(async ({ runDir, keepUser, ...flags }: CloseFlags, self: Command) => {
    const { job } = readJobResponse(responseOf(flags));
    const closed = await context.run.closeJob({ runDir, job, keepUser: keepUser === true });
    await print(context, formatOf(self), {
      value: { job, closed },
      table: () => `job ${job} ${closed ? 'has no identity any more' : 'was not open'}\n`,
    });
  });
}

function addJobFlags(command: Command): Command {
  return command
    .addOption(runDirFlag())
    .addOption(flag('--response <file>', "GitLab's description of the job", { env: 'JOB_RESPONSE_FILE' }));
}

function runDirFlag() {
  return flag('--run-dir <dir>', 'has the socket of "runner serve", and a folder for each job', {
    env: 'CELLWALL_RUN_DIR',
    default: '/run/cellwall-runner',
  });
}

function responseOf({ response }: Pick<JobFlags, 'response'>): string {
  if (response !== undefined) return readFile(response).toString('utf8');
  throw new CellwallError('invalid_argument', "there is no description of the job: JOB_RESPONSE_FILE isn't set", {
    hint: "run this in a driver of GitLab Runner's custom executor, or name the file with --response",
  });
}

const mostUser = 2 ** 32 - 2;

function users(text: string): NonNullable<ServeFlags['jobUsers']> {
  const [, first, last] = /^(\d{1,10})-(\d{1,10})$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (from >= 1 && from <= to && to <= mostUser) return { from, to };
  throw new InvalidArgumentError('two numbers of users, as in 200000-200999, which belong to nobody');
}
