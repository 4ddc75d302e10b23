// `cellwall runner open` and `close`: what the driver of GitLab Runner's custom executor runs at the beginning and the end of a job.
import { join } from 'node:path';
import { Command, type Option } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { escapeLine } from '../../lib/escape.ts';
import { formatSocketPath } from '../../lib/socket-path.ts';
import { type RunnersJob, readJobResponse } from '../../sidecar/runner/job-response.ts';
import { flag } from '../flags/environment.ts';
import { readFile } from '../flags/read-file.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatFields } from '../output/table.ts';
import type { OpenedJob } from '../run.ts';

interface JobFlags {
  readonly runDir: string;
  readonly response?: string;
  readonly tokenVariable: string;
  readonly buildsDir?: string;
}

export function openJobCommand(context: CliContext): Command {
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

export function closeJobCommand(context: CliContext): Command {
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

/** Where the process that holds the runner's identity is found. */
export function runDirFlag(): Option {
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
