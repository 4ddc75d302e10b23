// The GitLab CI example, run by a stand-in for the runner against a real control plane.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type JobResult, runPipeline } from '../support/ci-runner.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../support/serve-process.ts';
import { projectRoot } from '../support/source-files.ts';

const example = readFileSync(join(projectRoot, 'deploy/gitlab-ci/cellwall.gitlab-ci.yml'), 'utf8');
const mesh = 'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}';
const base = [mesh, serviceText('api'), serviceText('web')];
let serve: ServeProcess;
let folder: string;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-ci-'));
  serve = await startServeProcess(yaml(...base, serviceText('forgotten')));
  mkdirSync(join(folder, 'bin'));
  const command = join(folder, 'bin', 'cellwall');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${join(projectRoot, 'bin/cellwall.cjs')}' "$@"\n`);
  chmodSync(command, 0o755);
  const { token } = await serve.admin.createNamedToken({ name: 'gitops', role: 'editor', ttl: '1h' });
  writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
  env = {
    PATH: `${join(folder, 'bin')}:${join(process.execPath, '..')}:/usr/bin:/bin`,
    HOME: folder,
    CELLWALL_ADMIN: `127.0.0.1:${serve.ports.admin}`,
    CELLWALL_ADMIN_TOKEN_FILE: join(folder, 'token'),
    CI_DEFAULT_BRANCH: 'main',
    CI_PIPELINE_URL: 'https://gitlab.example/ops/policy/-/pipelines/7',
  };
}, 60_000);
afterAll(async () => {
  await serve?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function run(branch: string, documents: string, text = example): Promise<readonly JobResult[]> {
  const checkout = mkdtempSync(join(folder, 'checkout-'));
  mkdirSync(join(checkout, 'cellwall'));
  writeFileSync(join(checkout, 'cellwall', 'all.yaml'), documents);
  return runPipeline(text, { folder: checkout, env: { ...env, CI_COMMIT_BRANCH: branch } });
}

const statuses = (results: readonly JobResult[]) => results.map(({ name, code, status }) => [name, code, status]);
const keys = async () => (await serve.admin.documents()).documents.map(({ key }) => key);

it('shows on a branch what would change, applies it on the default branch, and then finds nothing to do', async () => {
  const wanted = yaml(...base, policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'));
  const branch = await run('topic', wanted);
  expect(statuses(branch)).toEqual([
    ['check', 0, 'success'],
    ['plan', 5, 'warning'],
  ]);
  expect(branch[1]?.output).toContain('forgotten');
  expect(await keys()).toContain('Service/forgotten');
  const applied = await run('main', wanted);
  expect(statuses(applied), applied.at(-1)?.output).toEqual([
    ['check', 0, 'success'],
    ['plan', 5, 'warning'],
    ['apply', 0, 'success'],
  ]);
  expect(await keys()).toEqual(['AuthorizationPolicy/api', 'Mesh/mesh', 'Service/api', 'Service/web']);
  const [latest] = (await serve.admin.history()).revisions;
  expect(latest).toMatchObject({ author: 'gitops', reason: env['CI_PIPELINE_URL'] });
  const again = await run('main', wanted);
  expect(statuses(again).map(([, code]) => code)).toEqual([0, 0, 0]);
  expect(again.at(-1)?.output).toContain('unchanged');
}, 120_000);

it('stops at documents that are wrong by themselves, or where they would come into force', async () => {
  const before = await keys();
  expect(statuses(await run('main', yaml(...base, policyText('api', 'nobody', 'allow', '[]'))))).toEqual([
    ['check', 3, 'failed'],
  ]);
  // Valid, but not for a deployment whose CA belongs to another trust domain.
  expect(statuses(await run('main', yaml(mesh.replace('td1', 'td2'), serviceText('api'))))).toEqual([
    ['check', 0, 'success'],
    ['plan', 3, 'failed'],
  ]);
  expect(statuses(await run('main', '# nothing\n'))[0]?.[2]).toBe('failed');
  expect(await keys()).toEqual(before);
}, 120_000);

it('applies nothing if somebody changed something since the plan', async () => {
  const between = 'cellwall apply -f ../between.yaml';
  writeFileSync(join(folder, 'between.yaml'), yaml(serviceText('urgent')));
  const text = example.replace('    - revision=', `    - ${between}\n    - revision=`);
  expect(text).toContain(between);
  const results = await run('main', yaml(...base, serviceText('more')), text);
  expect(statuses(results).at(-1)).toEqual(['apply', 1, 'failed']);
  expect(results.at(-1)?.output).toContain('revision');
  expect(await keys()).toContain('Service/urgent');
  expect(await keys()).not.toContain('Service/more');
}, 120_000);
