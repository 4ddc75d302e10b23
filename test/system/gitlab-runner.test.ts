// A runner with deploy/gitlab-runner, as GitLab Runner would run it: a stand-in for its custom executor, the process beside it, users of
// the system, and go-spiffe and py-spiffe in the jobs. What a job reaches is its own identity, whatever it tries, while it runs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ExecutorResult, executeJob } from '../support/custom-executor.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { type Claims, forkClaims, type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { runnerDocuments, runnerId, writeAttestors } from '../support/runner-world.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { projectRoot } from '../support/source-files.ts';

const [firstUser, lastUser] = [213_000, 213_003];
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cellwall');
const bin = join(projectRoot, 'bin/cellwall.cjs');
let folder: string;
let gitlab: GitlabStandIn;
let wall: ServeHarness;
let runner: ChildProcess;
let env: Readonly<Record<string, string>>;
const runDir = () => join(folder, 'run');
const builds = () => join(folder, 'builds');
/** Where jobs, each a user of its own, tell the test and each other something. */
const meet = () => join(folder, 'meet');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-gr-'));
  chmodSync(folder, 0o711);
  mkdirSync(meet());
  chmodSync(meet(), 0o1777);
  mkdirSync(join(folder, 'bin'), { mode: 0o755 });
  const built = spawnSync('go', ['build', '-o', join(folder, 'bin/go-fetch'), './fetch'], {
    cwd: join(import.meta.dirname, 'go-spiffe'),
    encoding: 'utf8',
  });
  expect(built.status, built.stderr).toBe(0);
  // Jobs cannot read this user's home.
  cpSync(join(cache, 'py-spiffe'), join(folder, 'py-spiffe'), { recursive: true });
  copyFileSync(join(import.meta.dirname, 'py-spiffe/fetch.py'), join(folder, 'bin/fetch.py'));
  write(
    'bin/py-fetch',
    `#!/bin/sh\nPYTHONPATH='${join(folder, 'py-spiffe')}' exec python3 -S '${join(folder, 'bin/fetch.py')}'\n`,
  );
  write('bin/cellwall', `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  gitlab = await startGitlab();
  wall = await startServe(runnerDocuments(), { attestors: writeAttestors(folder, gitlab) });
  env = {
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    JOB_PATH: `${join(folder, 'bin')}:/usr/local/bin:/usr/bin:/bin`,
    HOME: folder,
    XDG_CACHE_HOME: join(cache, '..'),
    BUILDS: builds(),
    CELLWALL_RUN_DIR: runDir(),
  };
  await startRunner((await wall.admin.createToken({ spiffeId: runnerId(5) })).token);
}, 120_000);
afterAll(async () => {
  await endRunner('SIGTERM');
  await wall?.stop();
  await gitlab?.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), 0o755);
}

async function startRunner(token?: string): Promise<void> {
  let errors = '';
  const child = spawn(
    process.execPath,
    [
      ...[bin, 'runner', 'serve', '--spiffe-id', runnerId(5), '--dir', join(folder, 'svid'), '--run-dir', runDir()],
      ...['--job-users', `${firstUser}-${lastUser}`, '--identity-address', `127.0.0.1:${wall.identityPort}`],
      ...(token === undefined ? [] : ['--token', token]),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: folder } },
  );
  runner = child;
  const ready = Promise.withResolvers<void>();
  child.stdout.on('data', () => ready.resolve());
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.on('exit', () => ready.reject(new Error(`the runner ended: ${errors}`)));
  await ready.promise;
}
async function endRunner(signal: NodeJS.Signals): Promise<void> {
  if (runner === undefined || runner.exitCode !== null || runner.signalCode !== null) return;
  const exited = new Promise((resolve) => runner.once('exit', resolve));
  runner.kill(signal);
  await exited;
}

let made = 30_000;
interface Job {
  readonly script: string;
  readonly claims?: Claims;
  readonly variables?: Readonly<Record<string, string>>;
  readonly id?: number;
}
function run({ script, claims = {}, variables = {}, id = ++made }: Job): Promise<ExecutorResult> {
  const token = gitlab.idToken({ claims: { job_id: String(id), ...claims } });
  const job = { id, project: Number(claims['project_id'] ?? 42), script: `set -eu\ncd "$HOME"\n${script}` };
  return executeJob(
    { ...job, variables: { CELLWALL_ID_TOKEN: token, ...variables } },
    { driver: join(projectRoot, 'deploy/gitlab-runner/driver.sh'), folder, env },
  );
}
const said = (name: string) => readFileSync(join(meet(), name), 'utf8').trim();
const waitFor = (name: string): string => `until test -e '${join(meet(), name)}'; do sleep 0.05; done`;
const processesOf = (user: number): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && statSync(`/proc/${pid}`).uid === user;
    } catch {
      return false;
    }
  });
const clean = (): void => {
  expect(readdirSync(builds())).toEqual([]);
  expect(readdirSync(runDir()).filter((name) => /^\d+$/.test(name))).toEqual([]);
};

test('go-spiffe and py-spiffe in a job find its identity by SPIFFE_ENDPOINT_SOCKET alone', async () => {
  const { code, output } = await run({ script: 'go-fetch\npy-fetch\nid -u; id -G\nenv' });
  expect(code, output).toBe(0);
  const id = 'spiffe://td1/ci/42/branch/main';
  expect(output.split('\n').filter((line) => line === `x509=${id} jwt=${id}`)).toHaveLength(2);
  expect(output).toMatch(/^2130\d\d\n2130\d\d$/m);
  expect(output).toContain(`SPIFFE_ENDPOINT_SOCKET=unix:${runDir()}`);
  expect(output).not.toMatch(/TOKEN|RESPONSE|CUSTOM_ENV/);
  clean();
});

test('a job whose runner may not vouch for it runs without an identity, and so does one that asks for none', async () => {
  const without = async (what: string, job: Omit<Job, 'script'>): Promise<void> => {
    const { code, output } = await run({
      ...job,
      script: 'if env | grep SPIFFE; then exit 9; fi\necho it ran\n! go-fetch',
    });
    expect(code, `${what}: ${output}`).toBe(0);
    expect(output, what).toContain('it ran');
    expect(output, what).toContain('has no identity');
  };
  await Promise.all([
    without('a fork', { claims: forkClaims }),
    without('one with the token of another job', { variables: { CELLWALL_ID_TOKEN: gitlab.idToken() } }),
    without('one without', { variables: { CELLWALL_ID_TOKEN: '' } }),
  ]);
  clean();
});

/** What a job tries that knows where the other is, and under which user; each must fail. */
const attacks = (other: string): readonly string[] => {
  const socket = `${runDir()}/${other}/api.sock`;
  const python = (code: string) => `python3 -S -c '${code}'`;
  return [
    `SPIFFE_ENDPOINT_SOCKET=unix:${socket} go-fetch`,
    python(`import socket; socket.socket(socket.AF_UNIX).connect("${socket}")`),
    python(`import socket; socket.socket(socket.AF_UNIX).connect("${runDir()}/control.sock")`),
    `ls ${runDir()}`,
    `ls ${runDir()}/${other}`,
    `ls ${builds()}/${other}`,
    `ln -s ${socket} ${runDir()}/${other}/mine`,
    `ln ${socket} ./mine`,
    `mv ${runDir()}/${other} ./mine`,
    `rm -f ${socket}`,
    `chmod 0777 ${socket}`,
    `chgrp $(id -g) ${socket}`,
    `kill -0 $(cat ${meet()}/pid-${other})`,
    `cat /proc/$(cat ${meet()}/pid-${other})/environ`,
    `ls /proc/$(cat ${meet()}/pid-${other})/fd`,
    `cat ${folder}/svid/svid.pem`,
    `ls ${folder}/svid`,
  ];
};

/** Of them, those that come through where a job tries them on itself. */
const onItsOwn = (): readonly number[] =>
  attacks('').flatMap((attack, index) =>
    /^SPIFFE|api\.sock"\)|^ls .*builds|^ln [^-]|^chmod|^chgrp|^kill|^cat .*environ|\/fd$/.test(attack) ? [index] : [],
  );

test('two jobs at once: each reaches its own identity, and nothing of the other', async () => {
  const rounds = qualifying ? 5 : 1;
  let tried = 0;
  for (let round = 0; round < rounds; round += 1) {
    const [a, b] = [++made, ++made];
    const script = (own: number, other: number): string => {
      /** The numbers of those that come through. */
      const tryAll = (on: number): string =>
        attacks(String(on))
          .map((attack, index) => `if ${attack} > /dev/null 2>&1; then echo ${index}; fi`)
          .join('\n');
      return [
        `echo $$ > ${meet()}/pid-${own}; chmod 0644 ${meet()}/pid-${own}; : > ${meet()}/here-${own}`,
        waitFor(`here-${other}`),
        `{ ${tryAll(other)}\n} > ${meet()}/reached-${own}`,
        'go-fetch\npy-fetch',
        `{ ${tryAll(own)}\n} > ${meet()}/own-${own}`,
        `: > ${meet()}/done-${own}`,
        waitFor(`done-${other}`),
      ].join('\n');
    };
    const results = await Promise.all([
      run({ id: a, script: script(a, b) }),
      run({ id: b, script: script(b, a), claims: { project_id: '43' } }),
    ]);
    for (const [index, { code, output }] of results.entries()) {
      expect(code, output).toBe(0);
      const id = `spiffe://td1/ci/${42 + index}/branch/main`;
      expect(output.split('\n').filter((line) => line === `x509=${id} jwt=${id}`)).toHaveLength(2);
      expect(output).not.toContain(`/ci/${43 - index}/`);
      expect(said(`reached-${[a, b][index]}`)).toBe('');
      // The same on its own, where much of it does come through: socket, files and process are its user's.
      expect(
        said(`own-${[a, b][index]}`)
          .split('\n')
          .map(Number),
        output,
      ).toEqual(onItsOwn());
    }
    tried += 2 * attacks('').length;
  }
  clean();
  figure('attacksOnTheOther', tried);
}, 300_000);

test('what outlives a job is ended, its links lead nowhere, and its socket is gone', async () => {
  const victim = join(folder, 'victim');
  mkdirSync(victim);
  writeFileSync(join(victim, 'file'), 'kept');
  const outliving = `while :; do go-fetch >> ${meet()}/later 2>/dev/null || :; done`;
  const others = 'for p in /proc/[0-9]*; do test -O $p && test $p != /proc/$$ && kill -STOP $(basename $p); done';
  const hindering = `while :; do ${others}; done`;
  const { code, output } = await run({
    script: [
      `ln -s ${victim} link; ln -s ${victim}/file file; ln -s / root`,
      `mkdir -p deep/er; chmod 0 deep/er; touch "$(printf 'a\\nb')" -- '-rf'`,
      'id -u > uid',
      `cp uid ${meet()}/uid; cp /bin/bash ./setuid; chmod 4755 ./setuid`,
      `setsid nohup bash -c ${JSON.stringify(outliving)} > /dev/null 2>&1 &`,
      // It ends what would end it, if it can.
      `main=$$ setsid nohup bash -c 'while kill -0 $main; do sleep 0.02; done; ${hindering}' > /dev/null 2>&1 &`,
      waitFor('later'),
    ].join('\n'),
  });
  expect(code, output).toBe(0);
  expect(processesOf(Number(said('uid')))).toEqual([]);
  expect(readFileSync(join(victim, 'file'), 'utf8')).toBe('kept');
  clean();
  const ended = await eventually('its end is on record', async () =>
    (await wall.admin.audit(1000)).records.map(({ event }) => event).findLast(({ kind }) => kind === 'job-ended'),
  );
  expect(ended).toMatchObject({ proved: { job_id: String(made), runner: runnerId(5) } });
}, 120_000);

test('a runner that was killed gives nobody the user of a job that still runs, and nobody an identity meanwhile', async () => {
  const [a, b] = [++made, ++made];
  const first = run({
    id: a,
    script: `id -u > ${meet()}/uid-a; : > ${meet()}/runs-${a}; ${waitFor(`go-on-${a}`)}\n! go-fetch`,
  });
  await eventually('the job runs', () => existsSync(join(meet(), `runs-${a}`)) || undefined, 20_000);
  await endRunner('SIGKILL');
  const { code, output } = await run({ script: 'true' });
  expect(code).toBe(-1);
  expect(output).toContain("no runner's process answers");
  await startRunner();
  expect((await run({ id: b, script: `id -u > ${meet()}/uid-b; go-fetch` })).code).toBe(0);
  // As many as there are users: none has that of the first, between whose stages nothing would run under it.
  const taken = await Promise.all(Array.from({ length: lastUser - firstUser }, () => run({ script: 'id -u' })));
  const users = taken.map((one) => /^\d{6}$/m.exec(one.output)?.[0]);
  expect(new Set(users).size).toBe(lastUser - firstUser);
  expect([said('uid-b'), ...users]).not.toContain(said('uid-a'));
  writeFileSync(join(meet(), `go-on-${a}`), '');
  expect((await first).code).toBe(0);
  clean();
}, 120_000);
