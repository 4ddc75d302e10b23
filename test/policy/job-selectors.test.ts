// Which selectors of CI jobs are refused, as others could come to match them.
import { expect, it } from 'vitest';
import { meshText, problemsOf, workloadText, yaml } from '../support/resolve-text.ts';

const codes = (identity: string, match: string) =>
  problemsOf(
    yaml(
      meshText(),
      workloadText('jobs', `{identity: {${identity}}, selectors: [{attestor: gitlab-id-token, match: ${match}}]}`),
    ),
  ).map(({ code, path }) => `${code} ${path}`);
const exact = 'spiffeId: "spiffe://td1/ci/deployer"';
const template = (path: string) => `template: "spiffe://td1/ci/${path}"`;
const at = ' spec.selectors[0]';

it.each([
  ['ids of one GitLab', exact, '{instance: g, project_id: "42", ref_type: branch, ref: main}', []],
  ['a group', exact, '{instance: g, namespace_id: "7"}', []],
  ['a template with the id', template('{instance}/{project_id}/{ref_type}/{ref}/{project_path}'), '{}', []],
  ['a template of a group', template('{project_id}/{ref}'), '{instance: g, namespace_id: "7", ref_type: tag}', []],
  ['a ref by its path', template('{project_id}/{ref_path}/{ref}'), '{instance: g}', []],
  ['any GitLab', exact, '{project_id: "42"}', [`any-instance${at}`]],
  ['nothing but a ref', exact, '{instance: g, ref: main, ref_type: branch}', [`reusable-name${at}`]],
  ['the name of a project', exact, '{instance: g, project_path: group/app}', [`reusable-name${at}`]],
  ['a name in a group', exact, '{instance: g, namespace_id: "7", project_path: group/app}', [`reusable-name${at}`]],
  ['a template by name', template('{project_path}'), '{instance: g, namespace_id: "7"}', [`reusable-name${at}`]],
  ['who began it, by id', exact, '{instance: g, project_id: "42", user_id: "5", user_login: robin}', []],
  ['who began it, by name', exact, '{instance: g, project_id: "42", user_login: robin}', [`reusable-name${at}`]],
  ['a template by who began it', template('{project_id}/{user_login}'), '{instance: g}', [`reusable-name${at}`]],
  [
    'a protected environment',
    exact,
    '{instance: g, project_id: "42", environment: prod, environment_protected: "true"}',
    [],
  ],
  [
    'an environment of protected refs',
    template('{project_id}/{environment}'),
    '{instance: g, ref_protected: "true"}',
    [],
  ],
  [
    'an environment of any branch',
    exact,
    '{instance: g, project_id: "42", environment: prod}',
    [`open-environment${at}`],
  ],
  ['a template of such', template('{project_id}/{environment}'), '{instance: g}', [`open-environment${at}`]],
  ['a branch or a tag', exact, '{instance: g, project_id: "42", ref: main}', [`branch-or-tag${at}`]],
  ['a template of either', template('{project_id}/{ref}'), '{instance: g}', [`branch-or-tag${at}`]],
])('judges %s', (_, identity, match, expected) => {
  expect(codes(identity, match)).toEqual(expected);
});
