// `cellwall runner`: what a driver of GitLab Runner's custom executor is told, and which ways to keep jobs apart are taken.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { JobOptions, OpenedJob, ServeRunnerOptions } from '../../src/cli/run.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { runCli } from '../support/cli-harness.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-runner-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ownToken = `e30.${Buffer.from(JSON.stringify({ job_id: '7', project_id: '42' })).toString('base64url')}.AAAA`;
function job(value = ownToken, key = 'CELLWALL_ID_TOKEN'): string {
  const file = join(folder, 'job.json');
  writeFileSync(file, JSON.stringify({ id: 7, job_info: { project_id: 42 }, variables: [{ key, value }] }));
  return file;
}
async function open(args: readonly string[], answer: OpenedJob, env: Readonly<Record<string, string>> = {}) {
  const asked: JobOptions[] = [];
  const openJob = async (options: JobOptions) => {
    asked.push(options);
    return answer;
  };
  return { ...(await runCli(['runner', 'open', ...args], { env, run: { openJob } })), asked };
}

it('tells GitLab Runner the folder of the job, and the later stages its user and its socket', async () => {
  const socket = { path: '/run/cellwall-runner/7/api.sock' };
  const answer = { user: 200_000, socket, spiffeId: 'spiffe://td1/ci/42' };
  const { code, stdout, asked } = await open(['-o', 'json', '--builds-dir', '/builds'], answer, {
    JOB_RESPONSE_FILE: job(),
  });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    ...{ job: '7', user: 200_000, socket: `unix:${socket.path}`, spiffeId: answer.spiffeId, builds_dir: '/builds/7' },
    job_env: { CELLWALL_JOB_ID: '7', CELLWALL_JOB_SOCKET: `unix:${socket.path}`, CELLWALL_JOB_USER: '200000' },
  });
  expect(asked).toMatchObject([{ runDir: '/run/cellwall-runner', job: '7', project: '42' }]);
  expect(asked[0]?.token?.reveal()).toBe(ownToken);
  expect(stdout).not.toContain(ownToken);
});

it.each([
  ['one whose token is another job’s', () => job('e30.e30.AAAA'), 'is not its own token'],
  ['one that is refused', () => job(), 'not \\u001b accepted'],
])('%s goes on without an identity, and whoever reads the log is told why', async (_, file, why) => {
  const { code, stdout, stderr } = await open(['--response', file(), '-o', 'json'], {
    user: 5,
    reason: 'not \u001b accepted',
  });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ user: 5, job_env: { CELLWALL_JOB_ID: '7', CELLWALL_JOB_USER: '5' } });
  expect(JSON.parse(stdout)).not.toHaveProperty('socket');
  expect(stderr).toContain('job 7 has no identity');
  expect(stderr).toContain(why);
});

it.each([
  ['without the file', [], 'JOB_RESPONSE_FILE'],
  ['with a file that is no job', ['--response', '/dev/null'], 'not what GitLab says of a job'],
])('refuses to open %s', async (_, args, message) => {
  const { code, stderr } = await open(args, {});
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

it('says what to start if no runner answers', async () => {
  const openJob = () =>
    Promise.reject(new CellwallError('unavailable', "no runner's process answers", { hint: 'cellwall runner serve' }));
  const { code, stderr } = await runCli(['runner', 'open', '--response', job()], { run: { openJob } });
  expect(code).not.toBe(0);
  expect(stderr).toContain('cellwall runner serve');
});

it('closes a job, and keeps its user on demand', async () => {
  const asked: unknown[] = [];
  const closeJob = async (options: unknown) => {
    asked.push(options);
    return true;
  };
  for (const more of [[], ['--keep-user']]) {
    const { code, stdout } = await runCli(['runner', 'close', '--response', job(), ...more], { run: { closeJob } });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('job 7') });
  }
  expect(asked).toEqual([false, true].map((keepUser) => ({ runDir: '/run/cellwall-runner', job: '7', keepUser })));
});

const apart = ['--job-users', '200000-200009'];
it.each([
  ['neither way', [], 'either --job-users or --containers'],
  ['both ways', [...apart, '--containers'], 'either --job-users or --containers'],
  ['an owner of sockets of users', [...apart, '--socket-owner', '1:1'], '--socket-owner needs --containers'],
  ['root among the users of jobs', ['--job-users', '0-9'], '--job-users'],
  ['users in the wrong order', ['--job-users', '9-1'], '--job-users'],
  ['a user that is none', ['--job-users', `1-${2 ** 32 - 1}`], '--job-users'],
  ['names', ['--job-users', 'root-ci'], '--job-users'],
])('a runner is not started with %s', async (_, args, message) => {
  const started: ServeRunnerOptions[] = [];
  const serveRunner = async (options: ServeRunnerOptions): Promise<0> => {
    started.push(options);
    return 0;
  };
  const all = ['runner', 'serve', '--spiffe-id', 'spiffe://td1/runner/5', '--dir', folder, '--token', 'x', ...args];
  const { code, stderr } = await runCli(all, { run: { serveRunner } });
  expect(started).toEqual([]);
  expect(code).not.toBe(0);
  expect(stderr).toContain(message);
});
