// Which Workloads that let a runner vouch for jobs are refused: what a runner that is stolen could have must be said in full.
import { expect, it } from 'vitest';
import { meshText, problemsOf, serviceText, workloadText, yaml } from '../support/resolve-text.ts';

const exact = 'spiffeId: "spiffe://td1/ci/deployer"';
const template = 'template: "spiffe://td1/ci/{project_id}/{ref_type}/{ref}"';
const bounds = 'runner: "spiffe://td1/runner/5", runner_id: "5", instance: g, ref_protected: "true"';
const jobs = (match: string, { identity = exact, lifetime = '15m', more = '' } = {}) =>
  workloadText(
    'jobs',
    `{identity: {${identity}}, lifetime: ${lifetime}, selectors: [{attestor: gitlab-runner, match: {${match}}}${more}]}`,
  );
const codes = (...documents: readonly string[]) =>
  problemsOf(
    yaml(
      meshText(),
      serviceText('api'),
      workloadText('runner', '{identity: {spiffeId: "spiffe://td1/runner/5"}}'),
      ...documents,
    ),
  ).map(({ code, path }) => `${code} ${path}`);
const at = ' spec.selectors[0]';

it.each([
  ['one runner, one project', jobs(`${bounds}, project_id: "42"`), []],
  ['one runner, one group, by a template', jobs(`${bounds}, namespace_id: "7"`, { identity: template }), []],
  [
    'a token of the job itself as well',
    jobs(`${bounds}, project_id: "42"`, {
      more: ', {attestor: gitlab-id-token, match: {instance: g, project_id: "42"}}',
    }),
    [],
  ],
  ['no project and no group', jobs(bounds), [`reusable-name${at}`]],
  ['any GitLab', jobs(`${bounds.replace('instance: g, ', '')}, project_id: "42"`), [`any-instance${at}`]],
  ['any runner', jobs('runner_id: "5", instance: g, ref_protected: "true", project_id: "42"'), [`any-runner${at}`]],
  [
    'a runner that has no identity',
    jobs(`${bounds.replace('runner/5', 'runner/6')}, project_id: "42"`),
    [`unknown-runner${at}`],
  ],
  [
    'a runner that is no SPIFFE ID',
    jobs(`${bounds.replace('spiffe://td1/runner/5', 'Runner 5')}, project_id: "42"`),
    [`unknown-runner${at}`],
  ],
  ['jobs of other runners', jobs(`${bounds.replace('runner_id: "5", ', '')}, project_id: "42"`), [`any-job${at}`]],
  [
    'refs that are protected or not',
    jobs(`${bounds.replace(', ref_protected: "true"', '')}, project_id: "42"`),
    [`any-ref${at}`],
  ],
  [
    'the identity of a service',
    jobs(`${bounds}, project_id: "42"`, { identity: 'service: api' }),
    [`more-than-a-job${at}`],
  ],
  [
    'the identity of a host',
    jobs(`${bounds}, project_id: "42"`, { more: ', {attestor: join-token}' }),
    [`more-than-a-job${at}`],
  ],
  ['an hour', jobs(`${bounds}, project_id: "42"`, { lifetime: '1h' }), [`lifetime-too-long${at}`]],
])('judges %s', (_, document, expected) => {
  expect(codes(document)).toEqual(expected);
});

it('a job is no runner', () => {
  const own = jobs(`${bounds.replace('spiffe://td1/runner/5', 'spiffe://td1/ci/deployer')}, project_id: "42"`);
  expect(codes(own)).toEqual([`job-as-runner${at}`]);
});
