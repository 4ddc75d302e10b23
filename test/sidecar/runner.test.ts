// A runner that gives each of its jobs the job's identity and no other: a real control plane, the process beside GitLab Runner, and
// programs that know nothing but SPIFFE's Workload API. test/system/gitlab-runner.test.ts has the same with processes, users and a driver.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createIdentityClient } from '../../src/identity-api/client.ts';
import { fetchJwt } from '../../src/identity-api/jwt-client.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { askToClose, askToOpen } from '../../src/sidecar/runner/control-socket.ts';
import type { RunnersJob } from '../../src/sidecar/runner/job-response.ts';
import { runRunner } from '../../src/sidecar/runner/run-runner.ts';
import { makeKey } from '../../src/sidecar/svid/node-key.ts';
import { eventually } from '../support/eventually.ts';
import { exchangeAt } from '../support/exchange-at.ts';
import { figure, qualifying } from '../support/figure.ts';
import { forkClaims, type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { runnerDocuments, runnerId, runnersJob, writeAttestors } from '../support/runner-world.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { type FetchedX509, fetchJwtId, fetchX509 } from '../support/spiffe-client.ts';

let folder: string;
let gitlab: GitlabStandIn;
let wall: ServeHarness;
const running: { readonly stop: AbortController; readonly ended: Promise<void> }[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-runner-'));
  gitlab = await startGitlab();
  wall = await startServe(runnerDocuments(), { attestors: writeAttestors(folder, gitlab) });
}, 60_000);
afterEach(async () => {
  for (const { stop, ended } of running.splice(0)) {
    stop.abort();
    await ended.catch(() => undefined);
  }
});
afterAll(async () => {
  await wall?.stop();
  await gitlab?.close();
  rmSync(folder, { recursive: true, force: true });
});

const folderOf = (runner: number): string => join(folder, `run-${runner}`);
async function start(runner: number): Promise<{ stop(): Promise<void> }> {
  const token = new Redacted((await wall.admin.createToken({ spiffeId: runnerId(runner) })).token);
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const ended = runRunner({
    ...{ identity: `127.0.0.1:${wall.identityPort}`, dir: join(folder, `svid-${runner}`), token, log: silentLog },
    ...{ runDir: folderOf(runner), separation: { kind: 'containers' }, signal: stop.signal },
    started: () => ready.resolve(),
  });
  running.push({ stop, ended });
  await Promise.race([ready.promise, ended]);
  return {
    async stop() {
      stop.abort();
      await ended;
    },
  };
}
async function open(job: RunnersJob, runner = 5): Promise<string> {
  const { socket, reason } = await askToOpen(folderOf(runner), job);
  if (socket === undefined) throw new Error(`no socket: ${reason}`);
  return socket.path;
}
const audited = async (kind: string) =>
  (await wall.admin.audit(1000)).records.map(({ event }) => event).filter((event) => event.kind === kind);
const at = () => ({ host: '127.0.0.1', port: wall.identityPort });
/** As whoever has a job's SVID could try. */
const renew = async ({ chain, key, bundle }: FetchedX509) =>
  createIdentityClient({ ...at(), roots: bundle }).renew({ chain, currentKey: key, key: await makeKey() });
const jwtOf = (svid: FetchedX509) => fetchJwt({ ...at(), svid }, ['db']);

test('two jobs at once have an identity each, X.509 and JWT, at a socket of their own, until they end', async () => {
  const runner = await start(5);
  const jobs = [
    runnersJob(gitlab),
    runnersJob(gitlab, { project_id: '43', ref: 'release/1', sha: 'a'.repeat(40) }),
  ] as const;
  const sockets = await Promise.all(jobs.map((job) => open(job)));
  const ids = ['spiffe://td1/ci/42/branch/main', 'spiffe://td1/ci/43/branch/release_2f1'];
  expect(await Promise.all(sockets.map(async (socket) => (await fetchX509(socket)).spiffeId))).toEqual(ids);
  expect(await Promise.all(sockets.map((socket) => fetchJwtId(socket, 'db')))).toEqual(ids);
  for (const [index, { job }] of jobs.entries()) {
    expect(sockets[index]).toBe(join(folderOf(5), job, 'api.sock'));
    expect(statSync(join(folderOf(5), job)).mode & 0o777).toBe(0o700);
    expect(statSync(sockets[index] ?? '').mode & 0o777).toBe(0o600);
  }
  expect((await audited('job-exchanged')).slice(-2)).toEqual(
    expect.arrayContaining(
      jobs.map(({ job }) =>
        expect.objectContaining({
          attestor: 'gitlab-runner',
          proved: expect.objectContaining({ job_id: job, runner: runnerId(5), runner_id: '5' }),
        }),
      ),
    ),
  );
  // Its end takes the one, and leaves the other.
  const [first = '', second = ''] = sockets;
  const copied = await fetchX509(first);
  // While it runs, a copy is good until it ends; only the runner has it renewed.
  await jwtOf(copied);
  await expect(renew(copied)).rejects.toMatchObject({
    code: 'permission_denied',
    message: expect.stringContaining('it alone renews'),
  });
  expect(await askToClose(folderOf(5), jobs[0].job)).toBe(true);
  expect(existsSync(join(folderOf(5), jobs[0].job))).toBe(false);
  await expect(fetchX509(first)).rejects.toMatchObject({ code: 14 });
  expect((await fetchX509(second)).spiffeId).toBe(ids[1]);
  expect(await askToClose(folderOf(5), jobs[0].job)).toBe(false);
  // Nor is what the job copied of any use at the control plane.
  await expect(renew(copied)).rejects.toMatchObject({
    code: 'failed_precondition',
    message: expect.stringContaining('ended'),
  });
  await expect(jwtOf(copied)).rejects.toMatchObject({ code: 'failed_precondition' });
  const ended = await eventually('its end is on record', async () => (await audited('job-ended')).at(-1));
  expect(ended).toMatchObject({ spiffeId: ids[0], proved: { job_id: jobs[0].job, runner: runnerId(5) } });
  await runner.stop();
  expect(readdirSync(folderOf(5)).filter((name) => /^\d+$|sock$/.test(name))).toEqual([]);
  figure('jobsAtOnce', ids.length);
});

test('a runner gets nothing for jobs that no document lets it vouch for, and the job nothing for its token', async () => {
  const [own, other] = [await start(5), await start(6)];
  const refused: [string, RunnersJob, number, RegExp][] = [
    ['a fork', runnersJob(gitlab, forkClaims), 5, /merge request from a fork/],
    ['an unprotected ref', runnersJob(gitlab, { ref_protected: 'false' }), 5, /ref_protected must be "true"/],
    ['another group', runnersJob(gitlab, { namespace_id: '8' }), 5, /namespace_id must be "7"/],
    ['a job of another runner', runnersJob(gitlab, { runner_id: 6 }), 5, /runner_id must be "5"/],
    [
      'a protected ref at the runner of the others',
      runnersJob(gitlab, { runner_id: 6 }),
      6,
      /ref_protected must be "false"/,
    ],
    ['a stolen job of the runner of protected refs', runnersJob(gitlab), 6, /runner(_id)? must be/],
    ['another audience', { ...runnersJob(gitlab), token: new Redacted(gitlab.idToken({ aud: 'vault' })) }, 5, /aud/],
  ];
  for (const [what, job, runner, reason] of refused) {
    const answer = await askToOpen(folderOf(runner), job);
    expect(answer, what).toMatchObject({ job: job.job, reason: expect.any(String) });
    expect(answer.socket, what).toBeUndefined();
    expect(JSON.stringify((await audited('job-refused')).at(-1)).replaceAll('\\"', '"'), what).toMatch(reason);
    await askToClose(folderOf(runner), job.job);
  }
  // What the runner presented is used up: a job that has the same token in its environment gets nothing for it.
  const job = runnersJob(gitlab);
  const { bundle } = await fetchX509(await open(job));
  const exchange = exchangeAt({
    ...{ port: wall.identityPort, roots: bundle, token: job.token.reveal(), dir: join(folder, 'svid-of-job') },
  });
  await expect(exchange).rejects.toMatchObject({ code: 'unauthenticated' });
  expect((await audited('job-refused')).at(-1)).toMatchObject({ reason: expect.stringMatching(/another host/) });
  await own.stop();
  await other.stop();
  figure('refusedJobs', refused.length + 1);
});

test('a runner that is banned takes its jobs with it, and a job without a token has no socket', async () => {
  const runner = await start(5);
  const job = runnersJob(gitlab);
  const socket = await open(job);
  const svid = await fetchX509(socket);
  await wall.admin.ban({ identity: runnerId(5) });
  await expect(jwtOf(svid)).rejects.toMatchObject({
    code: 'permission_denied',
    message: expect.stringContaining('banned'),
  });
  await eventually(
    'its jobs are refused at their sockets',
    () =>
      fetchX509(socket).then(
        () => undefined,
        (reason: { readonly code?: number }) => reason.code === 7 || undefined,
      ),
    20_000,
  );
  expect((await askToOpen(folderOf(5), runnersJob(gitlab))).reason).toContain('not accepted');
  await wall.admin.unban({ identity: runnerId(5) });
  await jwtOf(svid);
  const { job: another, project } = runnersJob(gitlab);
  expect(await askToOpen(folderOf(5), { job: another, project })).toEqual({
    job: another,
    reason: expect.stringContaining('no id_token'),
  });
  await expect(askToOpen(folderOf(5), { job: another, project })).rejects.toMatchObject({ code: 'already_exists' });
  await runner.stop();
});

test('an SVID is renewed as long as the job runs, and no longer than its token', async () => {
  const runner = await start(5);
  await wall.apply(runnerDocuments('2s'));
  const token = new Redacted(gitlab.idToken({ timeoutSeconds: 6, claims: { job_id: '901' } }));
  const socket = await open({ job: '901', project: '42', token });
  const first = await fetchX509(socket);
  await eventually('another one', async () => (await fetchX509(socket)).chain !== first.chain || undefined, 20_000);
  await eventually(
    'none',
    () =>
      fetchX509(socket).then(
        () => undefined,
        () => true,
      ),
    20_000,
  );
  expect(existsSync(socket)).toBe(false);
  // It is not closed: GitLab Runner ends it some time.
  expect(await askToClose(folderOf(5), '901')).toBe(true);
  await wall.apply(runnerDocuments());
  await runner.stop();
});

test('a second process at the same folder is refused, and harms nothing; one that comes after is not', async () => {
  const runner = await start(5);
  const job = runnersJob(gitlab);
  const socket = await open(job);
  await expect(start(5)).rejects.toMatchObject({
    code: 'failed_precondition',
    message: expect.stringContaining('in use'),
  });
  expect((await fetchX509(socket)).spiffeId).toBe('spiffe://td1/ci/42/branch/main');
  await runner.stop();
  expect(existsSync(socket)).toBe(false);
  const next = await start(5);
  // With the same token, but another key: it is used up.
  expect((await askToOpen(folderOf(5), job)).reason).toContain('not accepted');
  await next.stop();
});

test('jobs that end while they are given their identity have none, whatever comes first', async () => {
  const runner = await start(5);
  const jobs = Array.from({ length: qualifying ? 200 : 12 }, () => runnersJob(gitlab));
  let opened = 0;
  const one = async ({ job, ...more }: RunnersJob, index: number): Promise<void> => {
    const opening = askToOpen(folderOf(5), { job, ...more }).catch(() => undefined);
    // From before it is known to after it has its socket.
    await new Promise((resolve) => setTimeout(resolve, index * 3));
    await askToClose(folderOf(5), job, index % 2 === 0);
    const answer = await opening;
    const late = answer?.socket === undefined ? undefined : await fetchX509(answer.socket.path).catch(() => undefined);
    // One that was closed before it was known is open.
    if (late !== undefined) opened += 1;
    await askToClose(folderOf(5), job);
    expect(existsSync(join(folderOf(5), job)), job).toBe(false);
  };
  for (let at = 0; at < jobs.length; at += 12) await Promise.all(jobs.slice(at, at + 12).map(one));
  expect(readdirSync(folderOf(5)).filter((name) => /^\d+$/.test(name))).toEqual([]);
  figure('interruptedJobs', jobs.length - opened);
  await runner.stop();
}, 180_000);
