// A stand-in for GitLab Runner's custom executor: runs a driver through the stages of a job, with the file and the variables that GitLab
// Runner gives it. https://docs.gitlab.com/runner/executors/custom/
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export interface ExecutedJob {
  readonly id: number;
  readonly project: number;
  /** What the job and its project have as variables: each is `CUSTOM_ENV_…` to the driver. */
  readonly variables: Readonly<Record<string, string>>;
  readonly script: string;
}

export interface CustomExecutor {
  /** One driver for all stages, which are its first argument. */
  readonly driver: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface ExecutorResult {
  /** Of the script; 1: it failed, as all of GitLab's; -1: it did not run. */
  readonly code: number;
  readonly output: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const configSchema = z.looseObject({
  builds_dir: z.string().optional(),
  job_env: z.record(z.string(), z.string()).default({}),
});
const buildFailure = 1;
const systemFailure = 2;

/** As GitLab sends it to the runner; what a driver has no use for is left out. */
function jobResponse({ id, project, variables }: Omit<ExecutedJob, 'script'>): string {
  return JSON.stringify({
    ...{ id, token: 'glcbt-of-the-job', allow_git_fetch: true },
    job_info: { id, name: 'deploy', stage: 'deploy', project_id: project, project_name: 'app' },
    runner_info: { timeout: 3600 },
    variables: Object.entries(variables).map(([key, value]) => ({
      key,
      value,
      public: false,
      masked: true,
      raw: true,
    })),
  });
}

export async function executeJob(job: ExecutedJob, { driver, folder, env }: CustomExecutor): Promise<ExecutorResult> {
  const own = mkdtempSync(join(folder, 'custom-executor-'));
  const [response, script] = [join(own, 'response.json'), join(own, 'script')];
  writeFileSync(response, jobResponse(job), { mode: 0o600 });
  // As GitLab's shells write it: the standard input of commands is empty.
  writeFileSync(script, `set -eo pipefail\n: | eval ${quoted(job.script)}\nexit 0\n`, { mode: 0o600 });
  const given = Object.fromEntries(Object.entries(job.variables).map(([name, value]) => [`CUSTOM_ENV_${name}`, value]));
  let [output, jobEnv]: [string, Readonly<Record<string, string>>] = ['', {}];
  const stage = async (...args: readonly string[]) => {
    const codes = { BUILD_FAILURE_EXIT_CODE: String(buildFailure), SYSTEM_FAILURE_EXIT_CODE: String(systemFailure) };
    const { code, stdout, stderr } = await run(driver, args, {
      ...{ ...env, ...given, ...codes, ...jobEnv },
      ...{ JOB_RESPONSE_FILE: response, TMPDIR: own },
    });
    output += stderr + (args[0] === 'config' ? '' : stdout);
    return { code, stdout };
  };
  try {
    const configured = await stage('config');
    if (configured.code !== 0) return { code: -1, output, config: {} };
    const config = configSchema.parse(JSON.parse(configured.stdout));
    jobEnv = config.job_env;
    if ((await stage('prepare')).code !== 0) return { code: -1, output, config };
    const { code } = await stage('run', script, 'build_script');
    return { code, output, config };
  } finally {
    await stage('cleanup');
    rmSync(own, { recursive: true, force: true });
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  return new Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
